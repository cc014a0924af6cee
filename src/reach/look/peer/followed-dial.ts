import { setTimeout as sleep } from 'node:timers/promises';

/** Watches what passes the machines on a way. */
export interface Watcher {
  /** Begins, where nobody did before, and waits until all that is dialled from now on is seen. */
  ready(): Promise<void>;
}

/** An answer that takes longer is worth a look at where it stays. */
const PATIENCE_MS = 2_000;
const AGAIN_MS = 4_000;

/**
 * Dials, and where no answer comes soon dials once more while all hops are watched. The first dial goes on meanwhile: an answer that comes late is an answer.
 * `dial`: for at most so many milliseconds.
 */
export async function dialFollowed<T>(
  dial: (withinMs: number) => Promise<T>,
  isAnswer: (ended: T) => boolean,
  withinMs: number,
  watcher: Watcher | undefined,
): Promise<T> {
  const first = dial(withinMs);
  const soon = await Promise.race([first, sleep(PATIENCE_MS)]);
  if (watcher === undefined || (soon !== undefined && isAnswer(soon))) return first;
  await watcher.ready();
  const again = await dial(Math.min(AGAIN_MS, withinMs));
  const ended = await first;
  return isAnswer(ended) || !isAnswer(again) ? ended : again;
}

/** The same for a client that can be there once only, such as one of a tunnel: the first dial ends before the second begins. */
export async function dialTwice<T>(
  dial: (withinMs: number) => Promise<T>,
  isAnswer: (ended: T) => boolean,
  withinMs: number,
  watcher: Watcher,
): Promise<T> {
  const first = await dial(PATIENCE_MS);
  if (isAnswer(first)) return first;
  await watcher.ready();
  return dial(withinMs);
}
