import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import { requireHostLink } from '../../machine/host-link.ts';
import { type LockedMachine, withMachine } from '../../machine/state/machine-lock.ts';
import { requireFree, runningMachine } from '../../machine/state/running.ts';
import type { MachineState } from '../../machine/state/state.ts';
import { isSuspended, readSuspended } from '../../machine/state/suspended.ts';
import { resumeMachine } from '../../machine/suspend/resume.ts';
import { settleSuspend } from '../../machine/suspend/settle.ts';
import { joinNetwork, leaveNetworks } from '../../machine/switch/network-members.ts';
import { renewHost } from '../host/host-network.ts';
import { requireNotMoving } from '../move/moving.ts';
import { runStep, type VerbContext } from '../step.ts';

export interface ResumedMachine {
  readonly name: string;
  /** It ran already. */
  readonly wasRunning: boolean;
  readonly ports: MachineState['ports'];
}

/**
 * Lets a suspended machine go on where it was, with the kernel, root and definition that it ran on then. Takes no definition, and builds nothing. Whatever ends this before the machine goes on,
 * it is suspended as before. Throws `machine-off`, `resume-failed`.
 */
export async function resume(name: string, context: VerbContext): Promise<ResumedMachine> {
  return withMachine(name, `vmkit resume ${name}`, context, async (machine) => {
    const running = await runningMachine(name, context);
    await settleSuspend(running, machine, context);
    if (running !== undefined) return { name, wasRunning: true, ports: running.ports };
    await requireFree(machine, context);
    if (!(await isSuspended(machine.paths, context.host))) {
      throw new VmkitError('boot', 'machine-off', `The machine ${name} is not suspended: it is off.`, {
        hint: `vmkit boot ${name}`,
      });
    }
    const run = (inner: Context): Promise<MachineState> => resumeThere(machine, { ...context, ...inner });
    const state = await runStep({ title: `resume ${name}`, run }, context);
    return { name, wasRunning: false, ports: state.ports };
  });
}

/** The same for whoever holds the lock of a machine that is off: on its networks again. */
export async function resumeThere(machine: LockedMachine, context: VerbContext): Promise<MachineState> {
  const { name, paths } = machine;
  await requireNotMoving(name, paths, context.host);
  const saved = await readSuspended(paths, context);
  if (saved === undefined) return resumeMachine(machine, context);
  const { network } = saved.state;
  if (network.kind === 'bridge' || network.kind === 'macvtap') await renewHost(context);
  await requireHostLink(saved.state, context.host);
  await joinNetwork(saved.state, context);
  try {
    return await resumeMachine(machine, context);
  } catch (error) {
    if ((await runningMachine(name, context)) === undefined) await leaveNetworks(name, context);
    throw error;
  }
}
