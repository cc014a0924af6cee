import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolders } from './make-folders.ts';
import { explainWriteError } from './write-error.ts';

/** Writes a file whole or not at all, with exactly this mode; a reader, or a power cut, finds the old content or the new. */
export async function writeWhole(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  const folder = dirname(path);
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    // A folder that is made for what is private is private, whatever the umask.
    makeFolders(folder, (mode & 0o077) === 0 ? 0o700 : undefined);
    // The umask can only take bits away from `mode`, so a secret is never readable, not even while it is written.
    const file = await open(temporary, 'wx', mode);
    try {
      await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncPath(folder);
  } catch (error) {
    const explained = await explainWriteError(error, `Writing ${path}`, folder, 'Make room there and try again.');
    await rm(temporary, { force: true });
    throw explained;
  }
}

/** fsync of a file or a folder: its content, or its list of names, survives a power cut. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
