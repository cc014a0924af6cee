import { resolvePaths } from '../core/paths.ts';
import { shellCommand } from '../core/shell-quote.ts';
import type { Host } from '../host/host.ts';
import { localHost } from '../host/local.ts';
import type { CommandContext } from './command.ts';
import { plainReport } from './progress-lines.ts';

interface ContextOptions {
  readonly isVerbose: boolean;
  readonly isJson: boolean;
  readonly signal: AbortSignal;
}

/** What every command works with: this machine, the XDG folders, progress on standard error, Ctrl-C. */
export function createContext({ isVerbose, isJson, signal }: ContextOptions): CommandContext {
  const write = (line: string): void => void process.stderr.write(line);
  const isLive = process.stderr.isTTY && !isJson && !isVerbose && process.env['TERM'] !== 'dumb';
  return {
    host: isVerbose ? announcing(localHost(), write) : localHost(),
    paths: resolvePaths(),
    report: plainReport(write),
    signal,
    progressStyle: isLive ? 'live' : 'plain',
  };
}

/** Says each command before it runs. Only argv: secrets are in the environment or in the input, never there. */
function announcing(host: Host, write: (line: string) => void): Host {
  return {
    ...host,
    exec: (argv, options) => {
      write(`$ ${shellCommand(argv)}\n`);
      return host.exec(argv, options);
    },
  };
}
