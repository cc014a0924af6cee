import { join } from 'node:path';
import { BACKUP_FILES } from '../../backup/manifest.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { LockedMachine } from '../../machine/state/machine-lock.ts';
import { runningMachine } from '../../machine/state/running.ts';
import { vmmOf } from '../../machine/vmm/drivers.ts';

/** Beside a whole copy of a disk in the staging folder: the name under which the machine's monitor notes what was written since. */
const SINCE = 'since';

/** `$1` the staging folder, then names: all else of it is deleted. */
const KEEP_ONLY = `folder=$1
shift
[ -d "$folder" ] || exit 0
if [ "$#" -eq 0 ]; then exec rm -rf -- "$folder"; fi
for name do set -- "$@" ! -name "$name"; shift; done
exec find "$folder" -mindepth 1 -maxdepth 1 "$@" -exec rm -rf -- {} +`;

/**
 * The whole copy of an earlier backup, where the monitor that made it runs yet and knows what was written since, and that is not much: its name. restic does not read
 * a file again that is as it was.
 */
export async function usableBase({ name, paths }: LockedMachine, context: Context): Promise<string | undefined> {
  const { host } = context;
  const since = await nameOfBase(paths, context);
  const state = since === undefined ? undefined : await runningMachine(name, context);
  if (since === undefined || state === undefined) return undefined;
  const written = await vmmOf(state).changes?.bytes(since, paths, host);
  const base = await host.stat(join(paths.stagingDir, BACKUP_FILES.disk));
  const disk = await host.stat(paths.dataDisk);
  const fits = written !== undefined && base !== undefined && base.bytes === disk?.bytes;
  return fits && written <= base.bytesOnDisk / 2 ? since : undefined;
}

/** Says what the whole copy in the staging folder is since. Only once it is whole. */
export async function rememberBase(since: string, { stagingDir }: MachinePaths, { host }: Context): Promise<void> {
  await host.write(join(stagingDir, SINCE), since, 0o600);
}

/** Empties the staging folder, but for a whole copy that the next backup can go on from. */
export async function clearStaging(keepsBase: boolean, paths: MachinePaths, context: Context): Promise<void> {
  const isKept = keepsBase && (await nameOfBase(paths, context)) !== undefined;
  const argv = ['sh', '-c', KEEP_ONLY, 'sh', paths.stagingDir, ...(isKept ? [SINCE, BACKUP_FILES.disk] : [])];
  const { exitCode, stderr } = await context.host.exec(argv, { withinMs: 600_000 });
  if (exitCode !== 0) throw new VmkitError('host', 'not-writable', `Emptying ${paths.stagingDir}: ${stderr.trim()}`);
}

async function nameOfBase({ stagingDir }: MachinePaths, { host }: Context): Promise<string | undefined> {
  const text = await host.readOurs(join(stagingDir, SINCE));
  return text !== undefined && /^[0-9a-f]{16}$/.test(text) ? text : undefined;
}
