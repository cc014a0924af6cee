import { sharesBlocks } from '../../../machine/disks/copy-of-running.ts';
import { listSnapshots, removeOldAutomatic } from '../../../machine/disks/snapshots.ts';
import { readProgress } from '../../../machine/follow/status.ts';
import type { LockedMachine } from '../../../machine/state/machine-lock.ts';
import type { VmSpec } from '../../../spec/vm-spec.ts';
import { snapshotOf } from '../../backup/snapshot.ts';
import type { Assembled } from '../../build/assemble.ts';
import { isThere } from '../../machine-name.ts';
import type { VerbContext } from '../../step.ts';
import { forgetOtherSets, hasOtherSets, keepSet, setId } from './keep-set.ts';
import { readSets, type SetsRecord, writeSets } from './record.ts';

/**
 * Before a boot: keeps what the machine boots from, and where that is not what got ready last, the data disk as that left it. `built` are the files of the store on
 * this computer, `assembled` those on the machine's host. The machine is off.
 */
export async function beginTrial(
  spec: VmSpec,
  built: Assembled['files'],
  assembled: Assembled,
  machine: LockedMachine,
  context: VerbContext,
): Promise<void> {
  const { paths } = machine;
  const set = await setId(spec, built);
  const { good, trial } = await settleTrial(machine, context);
  await keepSet(set, spec, assembled, paths, context);
  if (set === good) {
    if (trial !== undefined) await writeSets(paths, { good }, context);
    return;
  }
  const snapshot = good === undefined ? undefined : await snapshotBefore(spec, machine, trial?.snapshot, context);
  // What was said is of the former trial, and what is said from here on of this one: cut off in between, it is one that got nowhere.
  await writeSets(paths, { good, trial }, context);
  await context.host.remove(`${paths.eventsLog}.1`);
  await context.host.write(paths.eventsLog, '', 0o600);
  await writeSets(paths, { good, trial: { set, snapshot } }, context);
}

/** Every service is ready: what was tried is what to go back to from now on. What a way back that was cut off left is removed, too. */
export async function endTrial({ paths }: LockedMachine, context: VerbContext): Promise<void> {
  const { good, trial } = await readSets(paths, context);
  const kept = trial?.set ?? good;
  if (kept === undefined || (trial === undefined && !(await hasOtherSets(kept, paths, context)))) return;
  await writeSets(paths, { good: kept }, context);
  await removeOldAutomatic(paths, context);
  await forgetOtherSets(kept, paths, context);
}

/**
 * A boot that nobody followed to its end: the machine's own events say whether it got ready. Where they are gone it may have, long ago: then nothing leads back to the
 * snapshot, which would take with it all that was written since.
 */
async function settleTrial(machine: LockedMachine, context: VerbContext): Promise<SetsRecord> {
  const { name, paths } = machine;
  const { good, trial } = await readSets(paths, context);
  if (trial === undefined) return { version: 1, good };
  if (!(await isThere(paths.eventsLog, context))) return { version: 1, good, trial: { set: trial.set } };
  const { end } = await readProgress({ name, services: [] }, context);
  if (end?.kind !== 'booted') return { version: 1, good, trial };
  await endTrial(machine, context);
  return { version: 1, good: trial.set };
}

/** Taken where it is asked for, or costs nothing. One that a trial before took, which did not get ready, is the one. */
async function snapshotBefore(
  { rollback }: VmSpec,
  machine: LockedMachine,
  taken: string | undefined,
  context: VerbContext,
): Promise<string | undefined> {
  const { paths } = machine;
  if (!(await isThere(paths.dataDisk, context))) return undefined;
  if (taken !== undefined && (await listSnapshots(paths, context)).some(({ id }) => id === taken)) return taken;
  const isFree = async (): Promise<boolean> => sharesBlocks(paths, paths.dataDisk, context);
  if (rollback !== 'auto' && !(await isFree())) return undefined;
  return snapshotOf(machine, { why: 'before it was booted from something new', isAutomatic: true }, context);
}
