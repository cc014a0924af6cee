import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { throwIfInterrupted } from '../../core/deadline.ts';
import { isSystemError, VmkitError } from '../../core/errors/errors.ts';
import type { Host, LockOptions } from '../host.ts';
import { makeFolders } from './files/make-folders.ts';
import { requireOurs } from './ours.ts';
import { spawnChild } from './process/child.ts';

const DEFAULT_WAIT_MS = 3_600_000;

/**
 * The lock is flock(2) on our own open file: `flock` (util-linux, busybox, toybox) is started with that file as descriptor 3,
 * locks it and ends; the lock belongs to the open file, not to a process (flock(2)), so it stays ours until we close it
 * or die, by kill -9 too. Nothing can be stale. Our other children do not inherit it: Node opens files close-on-exec.
 */
export const localLock: Host['lock'] = async (path, purpose, options = {}) => {
  const file = await lock(path, options, options.withinMs ?? DEFAULT_WAIT_MS);
  // For people only. On a full disk the lock still holds.
  await describeHolder(file, purpose).catch(() => undefined);
  return { lost: new AbortController().signal, release: () => file.close() };
};

async function lock(path: string, { signal, onWait }: LockOptions, withinMs: number): Promise<FileHandle> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    throwIfInterrupted(signal);
    makeFolders(dirname(path));
    // Who may put a link in its place has us write elsewhere.
    await requireOurs(path);
    const file = await open(path, 'a+', 0o600);
    try {
      if (!(await flock(file, ['-n', '3'], signal, undefined))) {
        const holder = await holderOf(path);
        const left = deadline - performance.now();
        if (withinMs > 0 && left > 0) onWait?.(holder);
        if (left <= 0 || !(await flock(file, ['-x', '3'], signal, left))) throw busy(path, holder, withinMs);
      }
      // The cache may be deleted at any time: a lock on a file that has no name any more excludes nobody.
      if (await isStillAt(file, path)) return file;
      await file.close();
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

/** Whether the lock was got; false when another holds it (`-n`) or the deadline passed. */
async function flock(
  file: FileHandle,
  args: readonly string[],
  signal: AbortSignal | undefined,
  withinMs: number | undefined,
): Promise<boolean> {
  const deadline = withinMs === undefined ? [] : [AbortSignal.timeout(Math.ceil(Math.min(withinMs, 2 ** 31 - 1)))];
  const stop = AbortSignal.any([...(signal === undefined ? [] : [signal]), ...deadline]);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    const child = spawnChild('flock', args, { stdio: ['ignore', 'ignore', 'ignore', file.fd] });
    const kill = (): boolean => child.kill('SIGKILL');
    stop.addEventListener('abort', kill, { once: true });
    child.once('error', (error) => reject(cannotRun(error)));
    child.once('close', (code) => {
      stop.removeEventListener('abort', kill);
      resolve(code);
    });
    if (stop.aborted) kill();
  });
  throwIfInterrupted(signal);
  if (exitCode === 0) return true;
  if (exitCode === 1 || exitCode === null) return false;
  throw new VmkitError('tool', 'lock-failed', `flock could not lock a file and ended with exit code ${exitCode}.`, {
    hint: 'The file system may not support locks. Set XDG_CACHE_HOME and XDG_STATE_HOME to folders on another one.',
  });
}

function cannotRun(error: Error): VmkitError {
  return new VmkitError('tool', 'tool-missing', `Cannot run flock: ${error.message}`, {
    hint: 'It is in the package util-linux; busybox has it too.',
    cause: error,
  });
}

function busy(path: string, holder: string, withinMs: number): VmkitError {
  const waited = withinMs === 0 ? '' : ` Waited ${Math.round(withinMs / 1000)} s.`;
  return new VmkitError('host', 'lock-busy', `${path} is held by ${holder}.${waited}`, {
    hint: 'Wait for it to end, or end it.',
    details: { holder },
  });
}

async function describeHolder(file: FileHandle, purpose: string): Promise<void> {
  await file.truncate();
  await file.write(`${purpose}\n`);
}

async function holderOf(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim() || 'another vmkit';
}

async function isStillAt(file: FileHandle, path: string): Promise<boolean> {
  try {
    const [ours, there] = await Promise.all([file.stat(), stat(path)]);
    return ours.ino === there.ino && ours.dev === there.dev;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}
