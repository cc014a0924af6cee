import { join } from 'node:path';
import { BACKUP_FILES } from '../../backup/manifest.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { chooseComponents } from '../../image/components/component-choice.ts';
import { copyOfStopped } from '../../machine/disks/copy-of-running.ts';
import { readDataDisk } from '../../machine/disks/ext4-disk.ts';
import { requireSnapshot, type Snapshot } from '../../machine/disks/snapshots.ts';
import { decide } from '../../machine/state/leftovers.ts';
import { type LockedMachine, withMachine } from '../../machine/state/machine-lock.ts';
import { requireOff } from '../../machine/state/running.ts';
import { forgetTrial } from '../boot/last-good/record.ts';
import { planArtifacts } from '../build/plan-artifacts.ts';
import { runStep, type VerbContext } from '../step.ts';
import { definitionOfMachine } from './own-services.ts';
import { requireDisk } from './require-disk.ts';
import { snapshotOf } from './snapshot.ts';

export interface RolledBack {
  readonly name: string;
  readonly id: string;
  readonly takenAt: string;
  /** The snapshot of what was there before. */
  readonly kept: string;
  /** Artifacts that the machine ran on then and that the definition gives otherwise now: `root`. */
  readonly otherArtifacts: readonly string[];
}

/**
 * Takes the data disk of a machine that is off back to a snapshot. What is there now is kept as a snapshot, too. Whatever ends it, the disk is the one or the other.
 * Throws `snapshot-missing`, `machine-running`, `data-disk-foreign`.
 */
export async function rollBack(name: string, id: string | undefined, context: VerbContext): Promise<RolledBack> {
  const work = async (inner: VerbContext): Promise<RolledBack> =>
    withMachine(name, `vmkit rollback ${name}`, inner, async (machine) => {
      await requireOff(machine, inner);
      const snapshot = await requireSnapshot(name, id, machine.paths, inner);
      const kept = await putBack(machine, snapshot, false, inner);
      const { takenAt } = snapshot;
      return { name, id: snapshot.id, takenAt, kept, otherArtifacts: await changedSince(name, snapshot, inner) };
    });
  return runStep({ title: `${name} taken back`, run: (inner) => work({ ...context, ...inner }) }, context);
}

/**
 * The same for whoever holds the lock of a machine that is off. Returns the snapshot of what was there before. `isAutomatic`: nobody asked for it, and it is tried again where it
 * is cut off.
 */
export async function putBack(
  machine: LockedMachine,
  snapshot: Snapshot,
  isAutomatic: boolean,
  context: VerbContext,
): Promise<string> {
  const { name, paths } = machine;
  const identity = await requireDisk(name, paths, context);
  const disk = await readDataDisk(snapshot.disk, context);
  if (disk?.uuid !== identity.dataDiskUuid) {
    const text = `The snapshot ${snapshot.id} is of another machine's disk, and ${name} was restored since. Nothing was changed.`;
    throw new VmkitError('host', 'data-disk-foreign', text, {
      hint: `vmkit restore ${name} takes a backup of it back.`,
    });
  }
  const why = `before it was taken back to ${snapshot.id}`;
  const kept = await snapshotOf(machine, { why, ...(isAutomatic ? { isAutomatic } : {}) }, context);
  await copyOfStopped(snapshot.disk, join(paths.incomingDir, BACKUP_FILES.disk), context);
  if (!isAutomatic) await forgetTrial(paths, context);
  await decide(paths, context.host);
  return kept;
}

async function changedSince(name: string, { artifacts }: Snapshot, context: VerbContext): Promise<readonly string[]> {
  const spec = await definitionOfMachine(name, context);
  if (spec === undefined) return [];
  const planned = await planArtifacts(spec, chooseComponents([], process.env, spec, process.cwd()), context);
  return planned.flatMap(({ kind, key }) => {
    const then = artifacts[kind];
    return then === undefined || then === key ? [] : [kind];
  });
}
