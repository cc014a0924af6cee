import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import { GUEST } from '../../core/guest-paths.ts';
import type { Context } from '../../host/context.ts';
import { readProgress } from '../../machine/follow/status.ts';
import { withGuest } from '../../machine/guest.ts';
import { requireGoing } from '../../machine/held.ts';
import { withMachine } from '../../machine/state/machine-lock.ts';
import { runningMachines } from '../../machine/state/machines.ts';
import { requireFree, requireRunning, runningMachine } from '../../machine/state/running.ts';
import type { MachineState } from '../../machine/state/state.ts';
import { isSuspended } from '../../machine/state/suspended.ts';
import { settleSuspend } from '../../machine/suspend/settle.ts';
import { suspendMachine } from '../../machine/suspend/suspend.ts';
import { leaveNetworks } from '../../machine/switch/network-members.ts';
import { runStep, type VerbContext } from '../step.ts';

export interface SuspendedMachine {
  readonly name: string;
  /** Of its memory on the disk; undefined where it was suspended already. */
  readonly bytes: number | undefined;
}

const SYNCED_WITHIN_MS = 60_000;

/**
 * Saves the memory of a machine to its host's disk, and ends what runs of it: it goes on from there by `resume`, or by `boot`. Whatever ends this, the machine goes on, or is suspended. Throws
 * `machine-off`, `suspend-failed`, `vmm-cannot`, `disk-full`.
 */
export async function suspend(name: string, context: VerbContext): Promise<SuspendedMachine> {
  return withMachine(name, `vmkit suspend ${name}`, context, async (machine) => {
    const found = await runningMachine(name, context);
    await settleSuspend(found, machine, context);
    if (found === undefined && (await isSuspended(machine.paths, context.host))) {
      await requireFree(machine, context);
      return { name, bytes: undefined };
    }
    const state = await requireRunning(name, context);
    await requireGoing(state, machine.paths, context.host);
    await requireBooted(state, context);
    await requireNotNeeded(name, context);
    const work = async (inner: Context): Promise<number> => {
      await flush(name, inner);
      return suspendMachine(state, machine, inner);
    };
    const bytes = await runStep({ title: `suspend ${name}`, run: work }, context);
    await leaveNetworks(name, context);
    return { name, bytes };
  });
}

/** What a boot hands over, such as secrets, is in the guest by then. */
async function requireBooted(state: MachineState, context: Context): Promise<void> {
  const { end, isStopping } = await readProgress(state, context);
  if (end?.kind === 'booted' && !isStopping) return;
  throw new VmkitError('usage', 'suspend-failed', `${state.name} is not up: it boots, or stops. Nothing was done.`, {
    hint: `vmkit boot ${state.name} waits until it is.`,
  });
}

/** They would wait for it until their requests fail. */
async function requireNotNeeded(name: string, context: Context): Promise<void> {
  const users = (await runningMachines(context)).filter(({ needs }) => needs.includes(name)).map((each) => each.name);
  if (users.length === 0) return;
  const text = `${users.join(', ')} ${users.length === 1 ? 'needs' : 'need'} ${name}. Nothing was done.`;
  throw new VmkitError('usage', 'suspend-failed', text, {
    hint: users.map((each) => `vmkit suspend ${each}`).join(' && '),
  });
}

/** So that hardly anything is lost should its memory ever be dropped. */
async function flush(name: string, context: Context): Promise<void> {
  try {
    const work = { withinMs: SYNCED_WITHIN_MS, signal: context.signal };
    await withGuest(name, context, (guest) => guest.exec(['sync', '-f', GUEST.data], work));
  } catch (error) {
    if (context.signal.aborted) throw error;
    context.report({
      kind: 'note',
      text: `${name} did not write down what it had not written yet: ${messageOf(error)}`,
    });
  }
}
