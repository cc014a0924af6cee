import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { removeUnfinishedDisk } from './disk-file.ts';
import type { Ext4Facts } from './ext4.ts';
import { createDataDisk, growDataDisk, readDataDisk } from './ext4-disk.ts';
import { type Identity, newIdentity, readIdentity, writeIdentity } from './identity.ts';

const MIB = 1024 * 1024;

/**
 * The machine's identity and data disk, and that disk's UUID: made at the first call, then found again, grown to the definition's size, and never replaced.
 * The caller holds the machine's lock, and the machine is off. Killed at any moment, the next call goes on.
 * Throws `data-disk-missing`, `data-disk-foreign`, `data-disk-shrink`, `data-disk-damaged`,
 * `data-disk-truncated`, `disk-full`.
 */
export async function ensureDataDisk(
  spec: Pick<VmSpec, 'name' | 'dataMib'>,
  paths: Pick<MachinePaths, 'dataDisk' | 'identityFile'>,
  context: Context,
): Promise<{ readonly uuid: string }> {
  await removeUnfinishedDisk(paths.dataDisk, context.host);
  const known = await readIdentity(paths.identityFile, context.host);
  const disk = await readDataDisk(paths.dataDisk, context);
  if (known === undefined && disk !== undefined) throw foreign(paths, disk, undefined);
  const identity = known ?? newIdentity();
  if (known === undefined) await writeIdentity(paths.identityFile, identity, context.host);
  if (disk === undefined) {
    if (identity.hasDataDisk) throw missing(spec, paths);
    await createDataDisk(paths.dataDisk, spec.dataMib, identity.dataDiskUuid, context);
  } else {
    if (disk.uuid !== identity.dataDiskUuid) throw foreign(paths, disk, identity);
    await growToSpec(disk, spec, paths, context);
  }
  if (!identity.hasDataDisk) await writeIdentity(paths.identityFile, { ...identity, hasDataDisk: true }, context.host);
  return { uuid: identity.dataDiskUuid };
}

async function growToSpec(
  disk: Ext4Facts,
  { name, dataMib }: Pick<VmSpec, 'name' | 'dataMib'>,
  { dataDisk }: Pick<MachinePaths, 'dataDisk'>,
  context: Context,
): Promise<void> {
  const hasMib = Math.floor(disk.bytes / MIB);
  if (hasMib > dataMib) {
    throw new VmkitError(
      'spec',
      'data-disk-shrink',
      `The data disk of ${name} has ${hasMib} MiB, the definition says ${dataMib} MiB; it never shrinks.`,
      {
        hint: `Set the size in vm.yaml to ${hasMib} MiB or more. To get a smaller one, back up, vmkit rm ${name}, and restore.`,
        details: { hasMib, wantedMib: dataMib },
      },
    );
  }
  if (hasMib < dataMib) await growDataDisk(dataDisk, dataMib, context);
}

function missing({ name }: Pick<VmSpec, 'name'>, { dataDisk }: Pick<MachinePaths, 'dataDisk'>): VmkitError {
  return new VmkitError(
    'host',
    'data-disk-missing',
    `${name} has a data disk, but ${dataDisk} is not there. It is never replaced by an empty one.`,
    {
      hint: `Put the file back, or restore a backup. To begin again without its data: vmkit rm ${name}`,
    },
  );
}

function foreign(
  { dataDisk, identityFile }: Pick<MachinePaths, 'dataDisk' | 'identityFile'>,
  disk: Ext4Facts,
  identity: Identity | undefined,
): VmkitError {
  const expected =
    identity === undefined ? `there is no ${identityFile} that knows it` : `this machine's is ${identity.dataDiskUuid}`;
  return new VmkitError(
    'host',
    'data-disk-foreign',
    `${dataDisk} is not this machine's data disk: its UUID is ${disk.uuid}, and ${expected}.`,
    {
      hint: 'It is left untouched. Put the right file there (and its identity.json), or move this one away.',
      details: { found: disk.uuid, expected: identity?.dataDiskUuid },
    },
  );
}
