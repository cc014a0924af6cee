/** A pack of 16 MiB takes three minutes at 100 kB/s. */
const LONGEST_SILENCE_MS = 15 * 60_000;

/** A signal that aborts with `signal`, and once a number that should grow has not for too long. */
export function endsWithoutProgress(
  signal: AbortSignal,
  silenceMs = LONGEST_SILENCE_MS,
): {
  readonly signal: AbortSignal;
  readonly saw: (done: number) => void;
  readonly isEnded: () => boolean;
  readonly release: () => void;
} {
  const end = new AbortController();
  const begin = (): NodeJS.Timeout => setTimeout(() => end.abort(), silenceMs);
  let timer = begin();
  let most = -1;
  return {
    signal: AbortSignal.any([signal, end.signal]),
    saw: (done) => {
      if (done <= most) return;
      most = done;
      clearTimeout(timer);
      timer = begin();
    },
    isEnded: () => end.signal.aborted && !signal.aborted,
    release: () => clearTimeout(timer),
  };
}
