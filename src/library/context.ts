import { type Paths, resolvePaths } from '../core/paths.ts';
import type { Report } from '../core/progress.ts';
import { localHost } from '../host/local/local.ts';
import { settleQuietly, type VerbContext } from '../verbs/step.ts';

export interface ContextOptions {
  /** Ends all work once it is aborted: the function that runs cleans up and throws `interrupted`. Default: never. */
  readonly signal?: AbortSignal | undefined;
  /** Told what long work does. Default: nobody is told. */
  readonly report?: Report | undefined;
  /** Absolute folders, instead of those that the XDG variables and HOME name. A test gives `data` and `state` its own. */
  readonly paths?: Partial<Paths> | undefined;
}

/** What every function is given: this computer, the folders, who is told of progress. Nobody is asked for a secret. */
export function createContext({ signal, report, paths }: ContextOptions = {}): VerbContext {
  const here = { host: localHost(), paths: { ...resolvePaths(), ...paths } };
  return {
    ...here,
    builder: here,
    report: report ?? (() => undefined),
    signal: signal ?? new AbortController().signal,
    settleSteps: settleQuietly,
    askSecret: async () => undefined,
  };
}
