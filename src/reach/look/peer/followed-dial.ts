import { setTimeout as sleep } from 'node:timers/promises';

/** Watches what passes the machines on a way. */
export interface Watcher {
  /** Begins, where nobody did before: it takes a guest without KVM seconds. */
  begin(): void;
  /** Begins, and waits until all that is dialled from now on is seen. */
  ready(): Promise<void>;
  /** Whether all that is dialled from now on would be seen. */
  isReady(): boolean;
  /** What was seen is needed: it takes a guest without KVM seconds to read it. */
  keep(): void;
}

/** Where no answer comes by then, the watch is made. In a guest without KVM that costs all others as much time as half of the probe: not where an answer is on its way. */
const SOON_MS = 1_200;
/** An answer that takes longer is worth a look at where it stays. */
const PATIENCE_MS = 2_000;
/** Linux tries a connection again after 1 s: both tries are seen. */
const AGAIN_MS = 2_600;

/** Begins to watch where a try takes longer than so many milliseconds. */
export async function beginIfSlow<T>(tried: Promise<T>, afterMs: number, watcher: Watcher): Promise<T> {
  const slow = setTimeout(() => watcher.begin(), afterMs);
  return tried.finally(() => clearTimeout(slow));
}

/**
 * Dials, and where no answer comes soon dials once more while all hops are watched, unless they were before. The first dial goes on meanwhile: an answer that comes
 * late is an answer.
 * `dial`: for at most so many milliseconds.
 */
export async function dialFollowed<T>(
  dial: (withinMs: number) => Promise<T>,
  isAnswer: (ended: T) => boolean,
  withinMs: number,
  watcher: Watcher | undefined,
): Promise<T> {
  if (watcher === undefined) return dial(withinMs);
  const ended = await dialTwiceAtOnce(dial, isAnswer, withinMs, watcher);
  if (!isAnswer(ended)) watcher.keep();
  return ended;
}

async function dialTwiceAtOnce<T>(
  dial: (withinMs: number) => Promise<T>,
  isAnswer: (ended: T) => boolean,
  withinMs: number,
  watcher: Watcher,
): Promise<T> {
  if (watcher.isReady()) {
    await watcher.ready();
    return dial(withinMs);
  }
  const first = dial(withinMs);
  const isAnswered = async (afterMs: number): Promise<boolean> => {
    const soon = await Promise.race([first, sleep(afterMs)]);
    return soon !== undefined && isAnswer(soon);
  };
  if (await isAnswered(SOON_MS)) return first;
  watcher.begin();
  if (await isAnswered(PATIENCE_MS - SOON_MS)) return first;
  await watcher.ready();
  if (await isAnswered(0)) return first;
  const again = dial(Math.min(AGAIN_MS, withinMs));
  const answered = first.then((ended) => (isAnswer(ended) ? ended : again));
  const soonest = await Promise.race([answered, again]);
  return isAnswer(soonest) ? soonest : first;
}

/** The same for a client that can be there once only, such as one of a tunnel: the first dial ends before the second begins. */
export async function dialTwice<T>(
  dial: (withinMs: number) => Promise<T>,
  isAnswer: (ended: T) => boolean,
  withinMs: number,
  watcher: Watcher,
): Promise<T> {
  if (!watcher.isReady()) {
    const first = await beginIfSlow(dial(PATIENCE_MS), SOON_MS, watcher);
    if (isAnswer(first)) return first;
  }
  await watcher.ready();
  const ended = await dial(withinMs);
  if (!isAnswer(ended)) watcher.keep();
  return ended;
}
