import { onCommands } from '../core/announce.ts';
import { resolvePaths } from '../core/paths.ts';
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
  const here = { host: hostFrom(undefined), paths: resolvePaths() };
  const isLive = process.stderr.isTTY && !isJson && !isVerbose && process.env['TERM'] !== 'dumb';
  // Whole, to be run again by hand.
  if (isVerbose) onCommands((line) => say(`${line}\n`, Number.POSITIVE_INFINITY));
  return {
    ...here,
    builder: here,
    report: plainReport(say),
    signal,
    settleSteps: stepsShown(isLive ? 'live' : 'plain'),
    askSecret,
  };
}
