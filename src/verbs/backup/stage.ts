import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { BACKUP_FILES, type Manifest } from '../../backup/manifest.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { copyOfRunning } from '../../machine/disks/copy-of-running.ts';
import type { LockedMachine } from '../../machine/state/machine-lock.ts';
import { vmmOf } from '../../machine/vmm/drivers.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { keepDefinition } from '../definition-files.ts';
import type { VerbContext } from '../step.ts';
import { clearStaging, rememberBase, usableBase } from './base.ts';
import { type CopiedDisk, copyDataDisk } from './copy-disk.ts';

/** `$1` the folder, then the identity and the secrets. Keys and passwords: 0700. */
const COLLECT = `set -e
umask 077
mkdir -p -- "$1"
cp -- "$2" "$1/${BACKUP_FILES.identity}"
[ ! -d "$3" ] || cp -R -- "$3" "$1/${BACKUP_FILES.secrets}"`;

/**
 * Puts all that a machine's backup consists of into its staging folder: what the machine is, how it is defined, and its disk as it is now. That is a whole copy;
 * with `mayAdd`, the one of the last backup and what was written since, where that is known.
 */
export async function stageBackup(
  machine: LockedMachine,
  spec: VmSpec | undefined,
  mayAdd: boolean,
  context: VerbContext,
): Promise<Manifest> {
  const { host } = context;
  const { name, paths } = machine;
  const folder = paths.stagingDir;
  const base = mayAdd ? await usableBase(machine, context) : undefined;
  await clearStaging(base !== undefined, paths, context);
  const argv = ['sh', '-c', COLLECT, 'sh', folder, paths.identityFile, paths.secretsDir];
  const { exitCode, stderr } = await host.exec(argv, { withinMs: 60_000 });
  if (exitCode !== 0)
    throw new VmkitError('host', 'not-writable', `Preparing the backup in ${folder}: ${stderr.trim()}`);
  if (spec !== undefined) await keepDefinition(spec, join(folder, BACKUP_FILES.definition), context);
  const disk = join(folder, BACKUP_FILES.disk);
  const takenAt = new Date().toISOString();
  const { identity, state } = await (base === undefined
    ? copyWhole(machine, spec, mayAdd, disk, context)
    : copyChanges(machine, spec, base, join(folder, BACKUP_FILES.changes), context));
  const manifest: Manifest = {
    version: 1,
    name,
    machineId: identity.machineId,
    takenAt,
    host: (await host.exec(['uname', '-n'], { withinMs: 30_000 })).stdout.trim(),
    isRunning: state !== undefined,
    diskBytes: (await host.stat(disk))?.bytes ?? 0,
    artifacts: state?.artifacts ?? {},
    kernel: state?.kernel,
  };
  await host.write(join(folder, BACKUP_FILES.manifest), `${JSON.stringify(manifest, null, 2)}\n`, 0o600);
  return manifest;
}

async function copyWhole(
  machine: LockedMachine,
  spec: VmSpec | undefined,
  mayAdd: boolean,
  to: string,
  context: VerbContext,
): Promise<CopiedDisk> {
  const since = randomBytes(8).toString('hex');
  let isNoted = false;
  const copied = await copyDataDisk(machine, spec, to, context, async (state) => {
    const copy = await copyOfRunning(state, machine.paths, to, context);
    const { changes } = vmmOf(state);
    if (!mayAdd || changes === undefined) return copy;
    // Noted from before the copy on: what is in both does no harm.
    const begin = async (): Promise<void> => {
      await changes.begin(since, machine.paths, context.host);
      isNoted = true;
      await copy.begin();
    };
    return { ...copy, begin };
  });
  if (isNoted) await rememberBase(since, machine.paths, context);
  return copied;
}

function copyChanges(
  machine: LockedMachine,
  spec: VmSpec | undefined,
  since: string,
  to: string,
  context: VerbContext,
): Promise<CopiedDisk> {
  return copyDataDisk(machine, spec, to, context, async (state) => {
    const { changes, title } = vmmOf(state);
    if (changes === undefined) throw new TypeError(`${title} notes no changes.`);
    return changes.copy(since, machine.paths, to, context);
  });
}
