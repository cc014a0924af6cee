import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { VmkitError } from '../../../core/errors/errors.ts';

import { nothing } from './files.ts';

const CHUNK = 1024 * 1024;

/**
 * A file's bytes, or undefined where there is none. Its size is not believed: no more than `maxBytes` is read. A folder, a device or a pipe is told before
 * anything is read of it, and not waited for. Throws `not-a-file`, `file-too-long`.
 */
export async function readWhole(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  let file: FileHandle;
  try {
    // What opening does to a device is not wanted either, so it is asked first; O_NONBLOCK is for what takes its place meanwhile.
    requireFile(path, await stat(path));
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return nothing(error);
  }
  try {
    requireFile(path, await file.stat());
    const chunks: Buffer[] = [];
    for (let length = 0; ; ) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK);
      if (bytesRead === 0) return Buffer.concat(chunks);
      length += bytesRead;
      if (length > maxBytes) throw tooLong(path, maxBytes);
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

function requireFile(path: string, stats: { isFile(): boolean; isDirectory(): boolean }): void {
  if (stats.isFile()) return;
  const what = stats.isDirectory() ? 'a folder' : 'a device, a pipe or a socket';
  throw new VmkitError('host', 'not-a-file', `${path} is ${what}, not a file.`, { hint: 'Name the file itself.' });
}

/** Of a file that is longer than anything it should hold. */
export function tooLong(path: string, maxBytes: number): VmkitError {
  const mib = maxBytes / 1024 / 1024;
  return new VmkitError('host', 'file-too-long', `${path} holds more than ${mib} MiB; vmkit reads no more of it.`, {
    hint: 'Is it the file that you meant?',
  });
}
