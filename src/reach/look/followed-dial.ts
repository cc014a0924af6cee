import { setTimeout as sleep } from 'node:timers/promises';
import { isAnswered } from '../../net/dial.ts';
import type { Dial } from '../facts.ts';

/** Watches what passes the machines on a way. */
export interface Watcher {
  /** Begins, where nobody did before, and waits until all that is dialled from now on is seen. `back`: the peer's address. */
  ready(back: string | undefined): Promise<void>;
}

/** An answer that takes longer is worth a look at where it stays. */
const PATIENCE_MS = 2_000;
const AGAIN_MS = 4_000;

/**
 * Dials, and where no answer comes soon dials once more while all hops are watched. The first dial goes on meanwhile: an answer that comes late is an answer.
 * `dial`: for at most so many milliseconds.
 */
export async function dialFollowed(
  dial: (withinMs: number) => Promise<Dial>,
  withinMs: number,
  back: string | undefined,
  watcher: Watcher | undefined,
): Promise<Dial> {
  const first = dial(withinMs);
  const soon = await Promise.race([first, sleep(PATIENCE_MS)]);
  if (watcher === undefined || (soon !== undefined && isAnswered(soon))) return first;
  await watcher.ready(back);
  const again = await dial(Math.min(AGAIN_MS, withinMs));
  const ended = await first;
  return isAnswered(ended) || !isAnswered(again) ? ended : again;
}
