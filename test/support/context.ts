import { join } from 'node:path';
import type { Progress } from '../../src/core/progress.ts';
import { localHost } from '../../src/host/local/local.ts';
import { settleQuietly, type VerbContext } from '../../src/verbs/step.ts';

/** A context on this machine that keeps everything below one folder; `progress` is what was reported. */
export function contextIn(
  folder: string,
  signal: AbortSignal = new AbortController().signal,
): VerbContext & { readonly progress: readonly Progress[] } {
  const progress: Progress[] = [];
  const here = {
    host: localHost(),
    paths: { cache: join(folder, 'cache'), data: join(folder, 'data'), state: join(folder, 'state') },
  };
  return {
    ...here,
    builder: here,
    report: (each) => void progress.push(each),
    signal,
    settleSteps: settleQuietly,
    askSecret: async () => undefined,
    progress,
  };
}
