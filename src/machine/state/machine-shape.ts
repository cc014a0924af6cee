import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { FileFacts, Host } from '../../host/host.ts';
import { isLink } from '../../host/is-link.ts';

/**
 * Throws `not-a-machine` where a file is in the place of a machine's folder, or a folder in that of a lock; and for a link that leads nowhere,
 * as one to a disk that is not mounted: a machine without data must not be made in its place.
 */
export async function requireShape({ dataDir, stateDir, lock, powerLock }: MachinePaths, host: Host): Promise<void> {
  const paths = [dataDir, stateDir, lock, powerLock];
  const there = await host.statAll(paths);
  for (const [at, path] of paths.entries()) await requireAt(path, there[at], [dataDir, stateDir].includes(path), host);
}

async function requireAt(path: string, there: FileFacts | undefined, isFolder: boolean, host: Host): Promise<void> {
  if (there === undefined && !(await isLink(path, host))) return;
  if (there !== undefined && (there.kind === 'folder') === isFolder) return;
  const is =
    there === undefined ? 'is a link that leads nowhere' : isFolder ? 'is no folder' : 'is a folder, not a file';
  throw new VmkitError('usage', 'not-a-machine', `${path} ${is}. Nothing was changed.`, {
    hint: 'Look at it: mount the disk that it leads to, or move it away.',
  });
}
