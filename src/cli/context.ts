import { onCommands } from '../core/announce.ts';
import { resolvePaths } from '../core/paths.ts';
import { placeOf } from '../host/host-from.ts';
import { localHost } from '../host/local/local.ts';
import type { VerbContext } from '../verbs/step.ts';
import { askSecret } from './ask-secret.ts';
import { plainReport } from './show/progress-lines.ts';
import { say } from './show/say.ts';
import { stepsShown } from './show/steps.ts';

interface ContextOptions {
  /** Where machines run: `ssh://[USER@]HOST[:PORT]`; this computer when absent. */
  readonly hostUrl: string | undefined;
  readonly isVerbose: boolean;
  readonly isJson: boolean;
  readonly signal: AbortSignal;
}

/** What every command works with: hosts and their folders, progress on standard error, Ctrl-C. Logs in where the host is another one. */
export async function createContext({ hostUrl, isVerbose, isJson, signal }: ContextOptions): Promise<VerbContext> {
  const here = { host: localHost(), paths: resolvePaths() };
  const isLive = process.stderr.isTTY && !isJson && !isVerbose && process.env['TERM'] !== 'dumb';
  // Whole, to be run again by hand.
  if (isVerbose) onCommands((line) => say(`${line}\n`, Number.POSITIVE_INFINITY));
  return {
    ...(hostUrl === undefined ? here : await placeOf(hostUrl)),
    builder: here,
    report: plainReport(say),
    signal,
    settleSteps: stepsShown(isLive ? 'live' : 'plain'),
    askSecret,
  };
}
