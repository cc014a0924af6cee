import { machinePaths } from '../../core/paths.ts';
import {
  listSnapshots,
  makeSnapshot,
  removeSnapshot,
  requireSnapshot,
  type Snapshot,
  type SnapshotFacts,
} from '../../machine/disks/snapshots.ts';
import { type LockedMachine, withMachine } from '../../machine/state/machine-lock.ts';
import { runStep, type VerbContext } from '../step.ts';
import { copyDataDisk } from './copy-disk.ts';
import { definitionOfMachine } from './own-services.ts';

export interface TakenSnapshot {
  readonly name: string;
  readonly id: string;
}

/** Keeps the data disk as it is at one instant, beside the machine, while it runs or not. */
export async function takeSnapshot(name: string, context: VerbContext): Promise<TakenSnapshot> {
  const take = async (inner: VerbContext): Promise<string> =>
    withMachine(name, `vmkit snapshot ${name}`, inner, (machine) => snapshotOf(machine, {}, inner));
  const id = await runStep({ title: `snapshot of ${name}`, run: (inner) => take({ ...context, ...inner }) }, context);
  return { name, id };
}

/** The same for whoever holds the machine's lock. */
export async function snapshotOf(
  machine: LockedMachine,
  { why, isAutomatic }: Pick<SnapshotFacts, 'why' | 'isAutomatic'>,
  context: VerbContext,
): Promise<string> {
  const spec = await definitionOfMachine(machine.name, context);
  return makeSnapshot(
    machine.paths,
    async (to) => {
      const { state } = await copyDataDisk(machine, spec, to, context);
      return {
        isRunning: state !== undefined,
        artifacts: state?.artifacts ?? {},
        kernel: state?.kernel,
        why,
        isAutomatic,
      };
    },
    context,
  );
}

export async function snapshotsOf(name: string, context: VerbContext): Promise<readonly Snapshot[]> {
  return listSnapshots(machinePaths(context.paths, name), context);
}

/** Deletes a snapshot. Throws `snapshot-missing`. */
export async function deleteSnapshot(name: string, id: string, context: VerbContext): Promise<void> {
  await withMachine(name, `vmkit snapshots ${name}`, context, async ({ paths }) =>
    removeSnapshot(paths, await requireSnapshot(name, id, paths, context), context),
  );
}
