import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import type { Place } from '../../host/host-from.ts';
import { chooseComponents } from '../../image/components/component-choice.ts';
import { vmmChooser } from '../../machine/choose-vmm.ts';
import { readIdentity } from '../../machine/disks/identity.ts';
import { decide } from '../../machine/state/leftovers.ts';
import { withMachine } from '../../machine/state/machine-lock.ts';
import { requireOff, runningMachine } from '../../machine/state/running.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { requireDisk } from '../backup/require-disk.ts';
import { bootMachines } from '../boot/boot-machines.ts';
import { requireToBoot } from '../boot/require-to-boot.ts';
import { removeMachine } from '../remove.ts';
import { runStep, type VerbContext } from '../step.ts';
import { stopMachines } from '../stop.ts';
import { carryMachine } from './carry.ts';
import { readMoving, requireNotMoving, writeMoving } from './moving.ts';

export interface MovedMachine {
  readonly name: string;
  /** Where it is now: `ssh://server`, or `here`. */
  readonly to: string;
}

const STOPPED_WITHIN_S = 90;

/**
 * Moves a machine to another host: stops it, copies it and compares each file, bars it here, puts it in place and boots it there, and forgets it here once it is ready.
 * Cut off before it is barred, it is here as it was; afterwards the same command goes on. Where it does not boot there, it comes back. Throws `move-failed`, `machine-moving`.
 */
export async function moveMachine(spec: VmSpec, to: string, place: Place, context: VerbContext): Promise<MovedMachine> {
  const { name } = spec;
  requireAlone(spec);
  const paths = machinePaths(context.paths, name);
  const there: VerbContext = { ...context, ...place };
  await requireToBoot([spec], vmmChooser(there), there, false);
  const wasRunning = (await runningMachine(name, context)) !== undefined;
  const moving = await readMoving(paths, context.host);
  if (moving !== to) await requireNotMoving(name, paths, context.host);
  try {
    if (!(await hasArrived(name, moving !== undefined, there, context))) await bringThere(name, to, there, context);
  } catch (error) {
    if (wasRunning && !context.signal.aborted) await startAgain(spec, context);
    throw error;
  }
  try {
    await bootOn(spec, there);
  } catch (error) {
    // Whether it runs there is not known, or a person has ended it: it goes on from there.
    if (!(error instanceof VmkitError) || ['unreachable', 'interrupted'].includes(error.kind)) throw error;
    await comeBack(spec, wasRunning, error, there, context);
  }
  await removeMachine(name, async () => undefined, context);
  return { name, to };
}

/** What it reaches, or what reaches it over a private link, would be left behind. */
function requireAlone({ name, needs, network }: VmSpec): void {
  if (needs.length === 0 && network.kind === 'user') return;
  const why = needs.length > 0 ? `needs ${needs.join(', ')}` : `is on a network of the kind ${network.kind}`;
  throw new VmkitError('usage', 'move-failed', `${name} ${why}, which would stay behind. Nothing was changed.`, {
    hint: `vmkit backup ${name}, and vmkit restore ${name} on the other host once what it needs is there.`,
  });
}

/** Whether the machine is in place there by a move that was cut off: then what is there counts. Throws for any other machine of that name. */
async function hasArrived(name: string, isBarred: boolean, there: VerbContext, context: VerbContext): Promise<boolean> {
  const own = await requireDisk(name, machinePaths(context.paths, name), context);
  const other = await readIdentity(machinePaths(there.paths, name).identityFile, there.host);
  if (other === undefined) return false;
  if (isBarred && other.machineId === own.machineId) return true;
  const what = other.machineId === own.machineId ? 'A copy of it' : `Another machine ${name}`;
  throw new VmkitError('usage', 'move-failed', `${what} is on ${there.host.name} already. Nothing was changed.`, {
    hint: 'Look which one counts, and vmkit rm the other one.',
  });
}

async function bringThere(name: string, to: string, there: VerbContext, context: VerbContext): Promise<void> {
  const purpose = `vmkit move ${name}`;
  await stopMachines(name, STOPPED_WITHIN_S, context);
  await withMachine(name, purpose, context, async (machine) => {
    await requireOff(machine, context);
    const carry = async (inner: VerbContext): Promise<void> =>
      withMachine(name, purpose, { ...there, report: inner.report, signal: inner.signal }, async ({ paths }) => {
        await carryMachine(machine.paths, paths, inner, there.host);
        await writeMoving(machine.paths, to, inner.host);
        await decide(paths, there.host);
      });
    const title = `${name} to ${there.host.name}`;
    await runStep({ title, run: (inner) => carry({ ...context, ...inner }) }, context);
  });
}

async function bootOn(spec: VmSpec, context: VerbContext): Promise<void> {
  const chosen = chooseComponents([], process.env, spec, process.cwd());
  await bootMachines(spec, chosen, { isAdopted: true }, context);
}

/** It is here as it was, and runs again. Where that fails, too, the first error is the one to read. */
async function startAgain(spec: VmSpec, context: VerbContext): Promise<void> {
  const { movingFile } = machinePaths(context.paths, spec.name);
  try {
    if ((await readMoving({ movingFile }, context.host)) === undefined) await bootOn(spec, context);
  } catch (error) {
    context.report({ kind: 'note', text: `${spec.name} was not started again: ${messageOf(error)}` });
  }
}

/** It did not get ready there: nothing was written that anybody was told of. It is off and gone there before it may start here. */
async function comeBack(
  spec: VmSpec,
  wasRunning: boolean,
  why: VmkitError,
  there: VerbContext,
  context: VerbContext,
): Promise<never> {
  const { name } = spec;
  const paths = machinePaths(context.paths, name);
  try {
    await stopMachines(name, STOPPED_WITHIN_S, there);
    await removeMachine(name, async () => undefined, there);
    await context.host.remove(paths.movingFile);
    if (wasRunning) await bootOn(spec, context);
  } catch (error) {
    context.report({ kind: 'note', text: `It did not come back whole: ${messageOf(error)}` });
    throw why;
  }
  throw new VmkitError(
    'boot',
    'move-failed',
    `${name} did not get ready on ${there.host.name}, and is where it was. ${why.message}`,
    { hint: 'It is gone there again. Mend what the message names, then move it again.', cause: why },
  );
}
