import type { ErrorCode } from './error-codes.ts';
import { VmkitError } from './errors.ts';

/** errno(3) → our code, what it means, and what to try. */
const MEANINGS: Readonly<Record<string, readonly [code: ErrorCode, meaning: string, hint: string]>> = {
  ENOENT: ['file-missing', 'it is not there', 'Was it moved or deleted meanwhile?'],
  ENOTDIR: ['file-missing', 'a part of the path is no folder', 'Look at each folder on the way.'],
  ELOOP: ['file-missing', 'its symbolic links lead in a circle', 'Delete the link.'],
  EACCES: ['not-permitted', 'you may not', 'Whose is it? ls -ld shows it; a former run with sudo may have made it.'],
  EPERM: ['not-permitted', 'you may not', 'Whose is it? ls -ld shows it; a former run with sudo may have made it.'],
  EROFS: ['not-writable', 'it can only be read', 'Name other folders: XDG_CACHE_HOME, XDG_DATA_HOME, XDG_STATE_HOME.'],
  ENOSPC: ['disk-full', 'the disk is full', 'Make room there and try again.'],
  EDQUOT: ['disk-full', 'your quota is used up', 'Make room there and try again.'],
  EISDIR: ['not-a-file', 'it is a folder', 'Name the file itself.'],
  EEXIST: ['not-a-folder', 'something else is in its place', 'Look at it, and move it away.'],
  ENAMETOOLONG: ['path-too-long', 'a name is longer than Linux allows', 'Take a shorter one.'],
  EIO: ['file-failed', 'it cannot be read or written', 'Is its disk in order? dmesg says more.'],
  ENXIO: ['file-failed', 'there is no such device behind it', 'Is it what you meant?'],
  ENODEV: ['file-failed', 'there is no such device behind it', 'Is it what you meant?'],
  ESTALE: ['file-failed', 'the server that has it forgot it', 'Mount its file system again.'],
  EMFILE: ['too-many-files', 'this process has too many files open', 'ulimit -n says how many; 1024 are enough.'],
  ENFILE: ['too-many-files', 'this computer has too many files open', 'Which program has them? lsof shows it.'],
};

/** An error of the system as one of ours, with the path; any other error as it is. */
export function explainSystemError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof VmkitError) return error;
  const code = field(error, 'code');
  const { syscall, path } = callOf(error);
  if (code === undefined || syscall === undefined) return error;
  if (syscall === 'uv_cwd')
    return own('folder-missing', 'The current folder cannot be used any more.', 'cd to another one.', error);
  if (syscall === 'uv_os_homedir')
    return own('folder-missing', 'HOME is not set, and this user has no home folder.', 'Set HOME.', error);
  if (path === undefined && !(code in MEANINGS)) return error;
  const [name, meaning, hint] =
    MEANINGS[code] ?? (['file-failed', code, 'Is its disk in order? dmesg says more.'] as const);
  const what = path ?? 'a file';
  return own(name, `${what}: ${meaning} (${syscall}: ${code}).`, hint, error);
}

function own(code: ErrorCode, message: string, hint: string, cause: Error): VmkitError {
  return new VmkitError('host', code, message, { hint, cause });
}

/** Node's own SystemError keeps both in `info` (node: lib/internal/errors.js). */
function callOf(error: Error): { syscall: string | undefined; path: string | undefined } {
  const info = 'info' in error && typeof error.info === 'object' && error.info !== null ? error.info : error;
  return { syscall: field(info, 'syscall'), path: field(info, 'path') };
}

function field(of: object, name: string): string | undefined {
  const value: unknown = Object.getOwnPropertyDescriptor(of, name)?.value;
  return typeof value === 'string' ? value : undefined;
}

/** The same function, whose system errors are explained. */
export function explained<Args extends readonly unknown[], T>(
  work: (...args: Args) => Promise<T>,
): (...args: Args) => Promise<T> {
  return async (...args) => {
    try {
      return await work(...args);
    } catch (error) {
      throw explainSystemError(error);
    }
  };
}
