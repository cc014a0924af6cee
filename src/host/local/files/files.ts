import { chmod, readdir, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isSystemError } from '../../../core/errors/errors.ts';
import type { FileFacts, Host } from '../../host.ts';
import { requireRemovable } from '../../removable.ts';
import { makeFolders } from './make-folders.ts';

async function factsOf(path: string): Promise<FileFacts | undefined> {
  const found = await stat(path).catch(nothing);
  if (found === undefined) return undefined;
  const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : found.isSocket() ? 'socket' : 'other';
  return {
    kind,
    bytes: found.size,
    bytesOnDisk: found.blocks * 512,
    mode: found.mode & 0o7777,
    uid: found.uid,
    gid: found.gid,
    changedAt: Math.floor(found.mtimeMs / 1_000) * 1_000,
  };
}

/** Files of this machine: what would cost a process for each question. */
export const localFiles: Pick<Host, 'list' | 'stat' | 'statAll' | 'makeFolder' | 'remove'> = {
  list: (folder) => readdir(folder).catch(nothing),
  stat: factsOf,
  statAll: (paths) => Promise.all(paths.map(factsOf)),
  makeFolder: async (path, mode) => {
    makeFolders(path);
    await chmod(path, mode);
  },
  remove: async (path) => {
    requireRemovable(path, process.env['HOME'] || homedir());
    await rm(path, { recursive: true, force: true });
  },
};

/** Where nothing can be, nothing is. */
export function nothing(error: unknown): undefined {
  if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ESRCH'].some((code) => isSystemError(error, code)))
    return undefined;
  throw error;
}
