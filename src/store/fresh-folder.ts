import { rm } from 'node:fs/promises';
import type { Context } from '../host/context.ts';
import { makeFolders } from '../host/local/files/make-folders.ts';
import { withLock } from '../host/with-lock.ts';

/** Runs `work` with `path` as an empty folder of its own, and removes it afterwards; what a killed run left there goes first. */
export async function withFreshFolder<T>(
  path: string,
  purpose: string,
  context: Pick<Context, 'host' | 'report' | 'signal'>,
  work: () => Promise<T>,
): Promise<T> {
  return await withLock(`${path}.lock`, purpose, context, async () => {
    await rm(path, { recursive: true, force: true });
    makeFolders(path);
    try {
      return await work();
    } finally {
      await rm(path, { recursive: true, force: true });
    }
  });
}
