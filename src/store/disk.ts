import { chmod, constants, copyFile, type FileHandle, mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { throwIfInterrupted } from '../core/deadline.ts';
import { isSystemError } from '../core/errors.ts';
import { syncPath } from '../host/local/write-whole.ts';

const CHUNK_BYTES = 1024 * 1024;

/**
 * Makes or replaces the disk file `path` (mode 0600): `fill` is given a temporary file of `bytes` zeros that take no space, or
 * that begins with a copy of `from`. It is renamed into place once `fill` is done and it is on the disk, so `path` is the old file or the whole new one.
 * Where `path` is a symbolic link, the file that it leads to is meant. The caller holds the machine's lock.
 */
export async function writeDiskFile(
  path: string,
  { bytes, from, signal }: { bytes: number; from?: string; signal: AbortSignal },
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const place = await placeOf(path);
  const temporary = temporaryOf(place);
  await rm(temporary, { force: true });
  try {
    if (from !== undefined) await copySparse(from, temporary, signal);
    const file = await open(temporary, from === undefined ? 'wx' : 'r+', 0o600);
    try {
      await file.truncate(bytes);
    } finally {
      await file.close();
    }
    await chmod(temporary, 0o600);
    await fill(temporary);
    await syncPath(temporary);
    await rename(temporary, place);
    await syncPath(dirname(place));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Removes what a killed `writeDiskFile` left beside `path`: as large as a disk. The caller holds the machine's lock. */
export async function removeUnfinishedDisk(path: string): Promise<void> {
  await rm(temporaryOf(await placeOf(path)), { force: true });
}

function temporaryOf(place: string): string {
  return `${place}.new`;
}

async function placeOf(path: string): Promise<string> {
  return await realpath(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return path;
    throw error;
  });
}

/** Copies a file by sharing its blocks where the file system can (ioctl_ficlone(2)), else chunk by chunk, without the chunks of zeros. */
async function copySparse(from: string, to: string, signal: AbortSignal): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
    return;
  } catch (error) {
    if (!['ENOTSUP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY'].some((code) => isSystemError(error, code))) throw error;
  }
  const [source, target] = await Promise.all([open(from, 'r'), open(to, 'w', 0o600)]);
  try {
    const zeros = Buffer.alloc(CHUNK_BYTES);
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (let offset = 0; ; ) {
      throwIfInterrupted(signal);
      const { bytesRead } = await source.read(chunk, 0, CHUNK_BYTES, offset);
      if (bytesRead === 0) return;
      const part = chunk.subarray(0, bytesRead);
      if (!part.equals(zeros.subarray(0, bytesRead))) await writeAll(target, part, offset);
      offset += bytesRead;
    }
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

/** write(2) may take a part: a disk that fills up, a signal. */
async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
  }
}

/** Some bytes of a file; fewer where it ends; undefined where there is no file. */
export async function readBytes(path: string, offset: number, length: number): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}
