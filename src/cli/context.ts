import { resolvePaths } from '../core/paths.ts';
import { shellCommand } from '../core/shell-quote.ts';
import type { Host } from '../host/host.ts';
import { hostFrom } from '../host/host-from.ts';
import type { VerbContext } from '../verbs/step.ts';
import { askSecret } from './ask-secret.ts';
import { plainReport } from './show/progress-lines.ts';
import { say } from './show/say.ts';
import { stepsShown } from './show/steps.ts';

interface ContextOptions {
  readonly isVerbose: boolean;
  readonly isJson: boolean;
  readonly signal: AbortSignal;
}

/** What every command works with: this machine, the XDG folders, progress on standard error, Ctrl-C. */
export function createContext({ isVerbose, isJson, signal }: ContextOptions): VerbContext {
  const host = isVerbose ? announcing(hostFrom(undefined)) : hostFrom(undefined);
  const here = { host, paths: resolvePaths() };
  const isLive = process.stderr.isTTY && !isJson && !isVerbose && process.env['TERM'] !== 'dumb';
  return {
    ...here,
    builder: here,
    report: plainReport(say),
    signal,
    settleSteps: stepsShown(isLive ? 'live' : 'plain'),
    askSecret,
  };
}

/** Says each command before it runs. Only argv: secrets are in the environment or in the input, never there. */
function announcing(host: Host): Host {
  return {
    ...host,
    exec: (argv, options) => {
      say(`$ ${shellCommand(argv)}\n`);
      return host.exec(argv, options);
    },
  };
}
