import { statfs } from 'node:fs/promises';
import { isSystemError, messageOf, VmkitError } from '../../../core/errors/errors.ts';

/** With less than this left after a failure, the disk is what failed: compilers and packers may only say "exit code 1". */
const FULL_BELOW_BYTES = 1024 * 1024;

/**
 * `disk-full` or `not-writable` in place of an error that comes from the disk or the owner of `folder`; any other error unchanged.
 * `freeBytes` asks the host of that folder, by default this one. `doing` starts the message: `Building kernel 6.12`. `hint` says how to make room.
 */
export async function explainWriteError(
  error: unknown,
  doing: string,
  folder: string,
  hint: string,
  freeBytes: (folder: string) => Promise<number> = freeBytesHere,
): Promise<unknown> {
  if (error instanceof VmkitError && ['disk-full', 'not-writable', 'interrupted'].includes(error.code)) return error;
  if (['EACCES', 'EPERM', 'EROFS'].some((code) => isSystemError(error, code))) {
    return new VmkitError('host', 'not-writable', `${doing}: ${messageOf(error)}`, {
      hint: `Is ${folder} yours? A former run with sudo may have made it.`,
      cause: error,
      details: { folder },
    });
  }
  const bytesLeft = await freeBytes(folder).catch(() => undefined);
  const isFull =
    isSystemError(error, 'ENOSPC') ||
    messageOf(error).includes('No space left on device') ||
    (bytesLeft !== undefined && bytesLeft < FULL_BELOW_BYTES);
  if (!isFull) return error;
  const space = bytesLeft === undefined ? '' : ` (${Math.floor(bytesLeft / 1024)} KiB left)`;
  return new VmkitError(
    'host',
    'disk-full',
    `${doing}: the disk of ${folder} is full${space}. The failure: ${messageOf(error)}`,
    { hint, cause: error, details: { folder, bytesLeft } },
  );
}

async function freeBytesHere(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
