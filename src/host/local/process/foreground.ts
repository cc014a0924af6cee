import { constants } from 'node:os';
import { spawnChild } from './child.ts';
import { cannotRun } from './process.ts';

/**
 * Runs a command of the person's own in the foreground: with our standard streams, our whole environment and `env`. Returns its exit code, 128 + N after signal N. A
 * terminal tells it of Ctrl-C itself, and it may go on then; without one our end is passed on. Throws `tool-missing`.
 */
export function runForeground(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<number> {
  const [file = '', ...args] = argv;
  const whole = Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  const child = spawnChild(file, args, { stdio: 'inherit', env: { ...Object.fromEntries(whole), ...env } });
  const end = (): void => {
    if (process.stdin.isTTY !== true) child.kill('SIGTERM');
  };
  signal.addEventListener('abort', end, { once: true });
  return new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(cannotRun(argv, undefined, error)));
    child.once('close', (code, name) => resolve(code ?? 128 + (name === null ? 0 : constants.signals[name])));
  }).finally(() => signal.removeEventListener('abort', end));
}
