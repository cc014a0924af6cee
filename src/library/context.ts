import { type Paths, resolvePaths } from '../core/paths.ts';
import type { Report } from '../core/progress.ts';
import { type Place, placeOf } from '../host/host-from.ts';
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
  return contextOf(here, here, { signal, report });
}

/**
 * The same for machines on another host, `ssh://[USER@]HOST[:PORT]`: what is built is built on this computer. `paths` are folders of that host. Logs in;
 * throws `bad-usage`, and with a code of its own why it could not: `ssh-denied`, `ssh-host-key-unknown`, `ssh-refused` and others.
 */
export async function contextOn(url: string, { signal, report, paths }: ContextOptions = {}): Promise<VerbContext> {
  const there = await placeOf(url);
  const here = { host: localHost(), paths: resolvePaths() };
  return contextOf({ ...there, paths: { ...there.paths, ...paths } }, here, { signal, report });
}

function contextOf(place: Place, builder: Place, { signal, report }: ContextOptions): VerbContext {
  return {
    ...place,
    builder,
    report: report ?? (() => undefined),
    signal: signal ?? new AbortController().signal,
    settleSteps: settleQuietly,
    askSecret: async () => undefined,
  };
}
