import { throwIfInterrupted } from '../../../core/deadline.ts';
import { VmkitError } from '../../../core/errors/errors.ts';
import { spawnChild } from './child.ts';

/** What a command says of an error is read so far. */
const LONGEST_COMPLAINT = 64 * 1024;

/**
 * What a command of this computer prints, piece by piece: it waits where its reader does, so nothing piles up. Throws `tool-failed` with what it said where it fails, after
 * all that it printed; it is ended where the reader goes away, or by the signal.
 */
export async function* outputOf(argv: readonly string[], signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const [file = '', ...args] = argv;
  throwIfInterrupted(signal);
  const child = spawnChild(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const end = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', end, { once: true });
  let said = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    if (said.length < LONGEST_COMPLAINT) said += bytes.toString();
  });
  const ended = new Promise<number | undefined>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? undefined));
  });
  // Awaited below; a reader that goes away first hears nothing of it.
  ended.catch(() => undefined);
  try {
    for await (const piece of child.stdout ?? []) yield piece;
    const exitCode = await ended;
    throwIfInterrupted(signal);
    if (exitCode !== 0) {
      const why = said.trim() || (exitCode === undefined ? 'it was ended' : `exit code ${exitCode}`);
      throw new VmkitError('tool', 'tool-failed', `${file}: ${why}`);
    }
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}
