import { VmkitError } from '../../core/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Host } from '../../host/host.ts';
import { isLink } from '../../host/is-link.ts';

/**
 * Throws `not-a-machine` where a file is in the place of a machine's folder, or a folder in that of a lock; and for a link that leads nowhere,
 * as one to a disk that is not mounted: a machine without data must not be made in its place.
 */
export async function requireShape({ dataDir, stateDir, lock, powerLock }: MachinePaths, host: Host): Promise<void> {
  for (const folder of [dataDir, stateDir]) await requireAt(folder, true, host);
  for (const file of [lock, powerLock]) await requireAt(file, false, host);
}

async function requireAt(path: string, isFolder: boolean, host: Host): Promise<void> {
  const there = await host.stat(path);
  if (there === undefined && !(await isLink(path, host))) return;
  if (there !== undefined && (there.kind === 'folder') === isFolder) return;
  const is =
    there === undefined ? 'is a link that leads nowhere' : isFolder ? 'is no folder' : 'is a folder, not a file';
  throw new VmkitError('usage', 'not-a-machine', `${path} ${is}. Nothing was changed.`, {
    hint: 'Look at it: mount the disk that it leads to, or move it away.',
  });
}
