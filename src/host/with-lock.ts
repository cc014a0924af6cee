import type { Context } from './context.ts';

/** Milliseconds until waiting for another holder is given up with `lock-busy`. 0: do not wait. Default: 1 hour. */
type Wait = { readonly withinMs?: number };

/**
 * Runs `work` while this process alone holds the lock file `path` of the host. `purpose` is what others are told who wait: `vmkit boot sql`. Throws what ended the
 * connection where the lock was lost by it meanwhile.
 */
export async function withLock<T>(
  path: string,
  purpose: string,
  { host, report, signal }: Pick<Context, 'host' | 'report' | 'signal'>,
  work: () => Promise<T>,
  { withinMs }: Wait = {},
): Promise<T> {
  const held = await host.lock(path, `${purpose}, pid ${process.pid}`, {
    signal,
    withinMs,
    onWait: (holder) => report({ kind: 'phase', text: `waits for ${holder}` }),
  });
  try {
    const result = await work();
    throwIfLost(held.lost);
    return result;
  } finally {
    await held.release();
  }
}

function throwIfLost(lost: AbortSignal): void {
  if (lost.aborted) throw lost.reason;
}
