import { setTimeout as sleep } from 'node:timers/promises';
import { VmkitError } from './errors/errors.ts';

interface PollOptions {
  /** Milliseconds until the wait is given up. */
  withinMs: number;
  /** Milliseconds between two tries. */
  everyMs?: number;
  signal?: AbortSignal | undefined;
}

/**
 * Calls `probe` until it returns something other than undefined, and returns that; undefined when the deadline passes.
 * Throws `interrupted` when the signal is aborted. Errors of `probe` pass through.
 */
export async function poll<T>(
  probe: () => Promise<T | undefined> | T | undefined,
  options: PollOptions,
): Promise<T | undefined> {
  const deadline = performance.now() + options.withinMs;
  for (;;) {
    throwIfInterrupted(options.signal);
    const value = await probe();
    if (value !== undefined) return value;
    const left = deadline - performance.now();
    if (left <= 0) return undefined;
    await sleep(Math.min(options.everyMs ?? 50, left), undefined, { signal: options.signal }).catch(() => undefined);
  }
}

/** Throws `interrupted` (exit code 130) once the signal is aborted. */
export function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) interrupted();
}

/** What cannot be ended by itself, such as a dial, is no longer waited for once the signal is aborted. Throws `interrupted` then. */
export async function unlessInterrupted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // It was begun before we were asked: interrupted here, it may still fail, and nobody else hears it.
  promise.catch(() => undefined);
  throwIfInterrupted(signal);
  let stop = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted.then(() => interrupted())]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function interrupted(): never {
  throw new VmkitError('interrupted', 'interrupted', 'Interrupted; nothing was left half done.');
}

/** Of a time for all, at most so much. */
export type TimeLeft = (atMostMs: number) => number;

/** How much of a time is left, of at most as much as somebody wants, and `leastMs` where less is: `timeLeft(14_000)(10_000)`. Milliseconds. */
export function timeLeft(withinMs: number, leastMs = 1_000): TimeLeft {
  const end = performance.now() + withinMs;
  return (atMostMs) => Math.min(atMostMs, Math.max(leastMs, Math.round(end - performance.now())));
}
