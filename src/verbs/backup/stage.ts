import { join } from 'node:path';
import { BACKUP_FILES, type Manifest } from '../../backup/manifest.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { LockedMachine } from '../../machine/state/machine-lock.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { keepDefinition } from '../definition-files.ts';
import type { VerbContext } from '../step.ts';
import { copyDataDisk } from './copy-disk.ts';

/** `$1` the folder, then the identity and the secrets. Keys and passwords: 0700. */
const COLLECT = `set -e
umask 077
rm -rf -- "$1"
mkdir -p -- "$1"
cp -- "$2" "$1/${BACKUP_FILES.identity}"
[ ! -d "$3" ] || cp -R -- "$3" "$1/${BACKUP_FILES.secrets}"`;

/** Puts all that a machine's backup consists of into its staging folder: what the machine is, how it is defined, and its disk as it is now. */
export async function stageBackup(
  machine: LockedMachine,
  spec: VmSpec | undefined,
  context: VerbContext,
): Promise<Manifest> {
  const { host } = context;
  const { name, paths } = machine;
  const folder = paths.stagingDir;
  const argv = ['sh', '-c', COLLECT, 'sh', folder, paths.identityFile, paths.secretsDir];
  const { exitCode, stderr } = await host.exec(argv, { withinMs: 60_000 });
  if (exitCode !== 0)
    throw new VmkitError('host', 'not-writable', `Preparing the backup in ${folder}: ${stderr.trim()}`);
  if (spec !== undefined) await keepDefinition(spec, join(folder, BACKUP_FILES.definition), context);
  const disk = join(folder, BACKUP_FILES.disk);
  const takenAt = new Date().toISOString();
  const { identity, state } = await copyDataDisk(machine, spec, disk, context);
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
