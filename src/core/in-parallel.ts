/**
 * Does `work` for each item, at most `limit` at once; results in the order of the items. The first failure stops the others by the signal that they are given, and
 * is thrown when all have ended.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const failures: unknown[] = [];
  const results: R[] = [];
  // All takers share it: each item is taken once.
  const queue = items.entries();
  const take = async (): Promise<void> => {
    for (const [at, item] of queue) {
      either.throwIfAborted();
      results[at] = await work(item, either);
    }
  };
  const takers = Array.from({ length: Math.min(limit, items.length) }, async () => {
    await take().catch((error: unknown) => {
      failures.push(error);
      stop.abort();
    });
  });
  await Promise.all(takers);
  if (failures.length > 0) throw failures[0];
  return results;
}
