import { PassThrough } from 'node:stream';
import type { Host } from '../host.ts';

const MAX_TIMER_MS = 2 ** 31 - 1;

/** `tail -F` there: it goes on with a new file of that name, and from the start where the file was cut (coreutils, busybox). */
export function shellFollow(exec: Host['exec']): Host['follow'] {
  return async function* (path, { from = 0, signal }) {
    const bytes = new PassThrough({ highWaterMark: 1024 * 1024 });
    const ending = exec(['tail', '-c', `+${from + 1}`, '-F', '--', path], {
      signal,
      withinMs: MAX_TIMER_MS,
      onOutput: (chunk) => void bytes.write(chunk),
    }).then(
      () => bytes.end(),
      (error) => (signal.aborted ? bytes.end() : bytes.destroy(error)),
    );
    for await (const chunk of bytes) yield chunk;
    await ending;
  };
}
