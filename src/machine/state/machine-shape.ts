import { lstat, stat } from 'node:fs/promises';
import { VmkitError } from '../../core/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';

/**
 * Throws `not-a-machine` where a file is in the place of a machine's folder, or a folder in that of a lock; and for a link that leads nowhere,
 * as one to a disk that is not mounted: a machine without data must not be made in its place.
 */
export async function requireShape({ dataDir, stateDir, lock, powerLock }: MachinePaths): Promise<void> {
  for (const folder of [dataDir, stateDir]) await requireAt(folder, true);
  for (const file of [lock, powerLock]) await requireAt(file, false);
}

async function requireAt(path: string, isFolder: boolean): Promise<void> {
  const link = await lstat(path).catch(() => undefined);
  if (link === undefined) return;
  const there = await stat(path).catch(() => undefined);
  if (there !== undefined && there.isDirectory() === isFolder) return;
  const is =
    there === undefined ? 'is a link that leads nowhere' : isFolder ? 'is no folder' : 'is a folder, not a file';
  throw new VmkitError('usage', 'not-a-machine', `${path} ${is}. Nothing was changed.`, {
    hint: 'Look at it: mount the disk that it leads to, or move it away.',
  });
}
