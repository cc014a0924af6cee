import { dirname } from 'node:path/posix';
import { throwIfInterrupted } from '../../core/deadline.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import type { Host } from '../host.ts';
import { STATUS } from './scripts/job.ts';
import { LOCK } from './scripts/lock.ts';
import type { ShellPool } from './session/shell-pool.ts';

const DEFAULT_WAIT_MS = 3_600_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * flock(2) on that host, held by a process there that runs as long as the connection lasts. The kernel frees it when that process ends, so
 * nothing is stale, and two computers that drive one host exclude each other. Once it was lost, this host does nothing more until it is released: whose work it
 * protected would go on beside another's by a new connection.
 */
export function shellLock(name: string, exec: Host['exec'], refuse: ShellPool['refuse']): Host['lock'] {
  return async (path, purpose, { withinMs = DEFAULT_WAIT_MS, signal, onWait } = {}) => {
    throwIfInterrupted(signal);
    const ending = new AbortController();
    const lost = new AbortController();
    let holder: string | undefined;
    let isLocked: () => void = () => undefined;
    const locked = new Promise<void>((resolve) => {
      isLocked = resolve;
    });
    const holding = exec(['sh', '-c', LOCK, 'sh', path, dirname(path), purpose.replaceAll('\n', ' ')], {
      signal: ending.signal,
      withinMs: MAX_TIMER_MS,
      onLine: (line) => {
        if (line === 'locked') return isLocked();
        if (!line.startsWith('held ')) return;
        holder = line.slice('held '.length) || 'another vmkit';
        if (withinMs > 0) onWait?.(holder);
        else ending.abort();
      },
    }).then(({ exitCode, stderr }): never => {
      throw lockFailed(name, path, exitCode, stderr);
    });
    const stop = (): void => ending.abort();
    const timer = setTimeout(stop, withinMs === 0 ? MAX_TIMER_MS : Math.min(withinMs, MAX_TIMER_MS));
    signal?.addEventListener('abort', stop, { once: true });
    try {
      await Promise.race([locked, holding]);
    } catch (error) {
      throwIfInterrupted(signal);
      throw ending.signal.aborted ? lockBusy(name, path, holder) : error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
    let goOn: () => void = () => undefined;
    const ended = holding.catch((error: unknown) => {
      if (ending.signal.aborted) return;
      const reason = lockLost(name, path, error);
      goOn = refuse(reason);
      lost.abort(reason);
    });
    return {
      lost: lost.signal,
      release: async () => {
        ending.abort();
        await ended;
        goOn();
      },
    };
  };
}

function lockBusy(name: string, path: string, holder: string | undefined): VmkitError {
  return new VmkitError('host', 'lock-busy', `${path} on ${name} is held by ${holder ?? 'another vmkit'}.`, {
    hint: 'Wait for it to end, or end it.',
    details: { holder },
  });
}

function lockLost(name: string, path: string, error: unknown): VmkitError {
  const code = error instanceof VmkitError && error.kind === 'unreachable' ? error.code : 'lock-failed';
  return new VmkitError('unreachable', code, `The lock ${path} on ${name} was lost: ${messageOf(error)}`, {
    hint: 'Run the same again: it finds what runs there, and goes on.',
    cause: error,
  });
}

function lockFailed(name: string, path: string, exitCode: number, stderr: string): VmkitError {
  if (exitCode === STATUS.noFlock) {
    return new VmkitError('tool', 'tool-missing', `Cannot lock ${path} on ${name}: there is no program flock.`, {
      hint: 'It is in the package util-linux; busybox has it too.',
    });
  }
  return new VmkitError(
    'tool',
    'lock-failed',
    `Locking ${path} on ${name}: ${stderr.trim() || `exit code ${exitCode}`}`,
    {
      hint: 'Is the folder yours, and does its file system know locks?',
    },
  );
}
