import { throwIfInterrupted } from '../core/deadline.ts';
import { messageOf, VmkitError } from '../core/errors/errors.ts';
import { machinePaths } from '../core/paths.ts';
import type { Context } from '../host/context.ts';
import type { Host } from '../host/host.ts';
import { terminate } from '../host/terminate.ts';
import type { Service } from '../spec/service.ts';
import { requireAnswers } from './follow/answers.ts';
import { bootFailure } from './follow/boot-failure.ts';
import type { BootProgress } from './follow/boot-progress.ts';
import { type BootDeadlines, bootDeadlines, followBoot } from './follow/follow.ts';
import { type BootRequest, placeMachine } from './plan.ts';
import { type StartedMachine, startMachine } from './start.ts';
import type { LockedMachine } from './state/machine-lock.ts';
import { clearState, type MachineState, writeState } from './state/state.ts';
import { vmmOf } from './vmm/drivers.ts';
import type { Vmm } from './vmm/vmm.ts';

export interface Booted {
  readonly state: MachineState;
  readonly progress: BootProgress;
}

/**
 * Starts a machine that does not run and follows it until every service answers on this host.
 * Interrupted, it leaves nothing that runs. Failed, it leaves what runs, to be looked at.
 */
export async function bootMachine(
  request: BootRequest,
  vmm: Vmm,
  machine: LockedMachine,
  context: Context,
): Promise<Booted> {
  const { spec, user, secrets } = request;
  const { placed, state } = await placeMachine(request, vmm, vmm.decideAccelerator, context);
  context.report({ kind: 'phase', text: `starts ${vmm.title} (${state.accelerator.reason})` });
  const process = await startMachine({ placed, state, user, secrets }, machine, context.host);
  try {
    const started: MachineState = { ...state, ...process };
    await writeState(machine.paths, started, context);
    return await followMachine(started, spec.services, context);
  } catch (error) {
    // A host that is silent may fail in another way first.
    const isInterrupted = context.signal.aborted || (error instanceof VmkitError && error.kind === 'interrupted');
    if (isInterrupted) await undoStart(process, vmm, machine, context.host);
    else await leaveOff(process, vmm, machine, context.host);
    throwIfInterrupted(context.signal);
    throw error;
  }
}

/** Ends what was just started; the data disk's journal covers it. Throws `interrupted` where its host does not answer, and says what is left. */
async function undoStart(process: StartedMachine, vmm: Vmm, { name, paths }: LockedMachine, host: Host): Promise<void> {
  try {
    await vmm.release?.(name, host);
    await terminate(process, host);
    if (process.gate !== undefined) await terminate(process.gate, host);
    await clearState(paths, host);
  } catch (error) {
    const text = `Interrupted, and ${host.name} did not do what ends ${name}: it may run on there. ${messageOf(error)}`;
    throw new VmkitError('interrupted', 'interrupted', text, { hint: `vmkit stop ${name}`, cause: error });
  }
}

/** A machine that ended while it booted is not started anew behind our back. Where the host does not answer, that is the error already. */
async function leaveOff(process: StartedMachine, vmm: Vmm, { name }: LockedMachine, host: Host): Promise<void> {
  if (vmm.release === undefined || (await host.isRunning(process).catch(() => true))) return;
  await vmm.release(name, host).catch(() => undefined);
}

/** Follows a machine that runs until every service answers: what is left of a boot, or nothing where it is done. */
export async function followMachine(
  state: MachineState,
  services: readonly Pick<Service, 'ready'>[],
  context: Context,
): Promise<Booted> {
  const paths = machinePaths(context.paths, state.name);
  const deadlines: BootDeadlines = bootDeadlines(services);
  const followed = await followBoot(state, state.services, paths, deadlines, context);
  if (followed.end.kind !== 'booted') {
    const isRunning = await context.host.isRunning(state);
    throw await bootFailure(state.name, followed, deadlines, paths, context.host, isRunning, vmmOf(state).title);
  }
  await requireAnswers(state, context);
  return { state, progress: followed.progress };
}
