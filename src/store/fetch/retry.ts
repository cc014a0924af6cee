import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfInterrupted } from '../../core/deadline.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { type HttpLimits, noNetwork, Transient } from './http.ts';

/** What is fetched, for people and for errors. */
export interface Fetched {
  /** For people: `forgejo 9.0.3`. */
  readonly name: string;
  readonly url: string;
}

/** Tries again after transient failures; each attempt that moved bytes gives the full number of attempts back. */
export async function retry<T>(
  request: Fetched,
  limits: HttpLimits,
  signal: AbortSignal,
  attempt: (progressed: () => void) => Promise<T>,
): Promise<T> {
  let received = false;
  for (let failures = 0; ; ) {
    let progressed = false;
    try {
      return await attempt(() => {
        progressed = true;
      });
    } catch (error) {
      throwIfInterrupted(signal);
      if (!(error instanceof Transient)) throw error;
      received ||= progressed;
      failures = progressed ? 1 : failures + 1;
      if (failures >= limits.attempts) throw gaveUp(request, received, error);
      await sleep(Math.min(250 * 2 ** failures, 8_000), undefined, { signal }).catch(() => undefined);
      throwIfInterrupted(signal);
    }
  }
}

function gaveUp(request: Fetched, received: boolean, error: Transient): VmkitError {
  if (!received) return noNetwork(request.name, request.url, error.message, error);
  return new VmkitError('host', 'download-cut', `Downloading ${request.name}: ${error.message}.`, {
    hint: 'Run the command again: the download goes on where it was cut.',
    cause: error,
    details: { url: request.url },
  });
}
