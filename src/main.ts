import { hasFlag, optionValue } from './cli/parse/flags.ts';
import { run } from './cli/run.ts';
import { errorJson, errorText, exitCodeOf } from './cli/show/error-text.ts';
import { unlessInterrupted } from './core/deadline.ts';

const INTERRUPTED = 130;
const argv = process.argv.slice(2);
const interruption = new AbortController();

// Whatever it is started with: nobody else may write what vmkit believes later (host/local/ours.ts).
const umask = process.umask(0o022);
process.umask(umask | 0o022);

// The first signal asks all work to clean up and end; a second one does not wait for that.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(INTERRUPTED);
    interruption.abort();
  });
}
// A terminal that is closed says so more than once: by the kernel and by the shell.
process.on('SIGHUP', () => interruption.abort());

// `vmkit logs sql | head`: nobody reads any more. What was begun is cleaned up all the same.
let isOutputLost = false;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    isOutputLost ||= error.code !== 'EPIPE';
    interruption.abort();
  });
}

/**
 * What a pipe has not taken yet would be lost with this process, without a word (process.exit, I/O): it is waited for, as long as nobody interrupts. A reader that goes
 * away interrupts, too. False: it was not taken.
 */
async function written(): Promise<boolean> {
  const streams = [process.stdout, process.stderr];
  const taken = streams.map((stream) => new Promise<void>((resolve) => void stream.write('', () => resolve())));
  return unlessInterrupted(Promise.all(taken), interruption.signal).then(
    () => true,
    // What ended by an interruption, as it should, has nothing left to say.
    () => streams.every(({ destroyed, writableLength }) => destroyed || writableLength === 0),
  );
}

try {
  const exitCode = await run(argv, interruption.signal);
  const isWritten = await written();
  process.exit(isOutputLost ? 1 : isWritten ? exitCode : INTERRUPTED);
} catch (error) {
  const hostUrl = optionValue(argv, '--host');
  const isJson = hasFlag(argv, '--json');
  process.stderr.write(isJson ? errorJson(error, hostUrl) : errorText(error, process.stderr, hostUrl));
  await written();
  process.exit(exitCodeOf(error));
}
