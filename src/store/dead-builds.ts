import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { VmkitError } from '../core/errors/errors.ts';
import type { Context } from '../host/context.ts';
import { withLock } from '../host/with-lock.ts';
import { BUILDING, lockPath, storeDir } from './places.ts';

/** Folders of builders that died. Each is removed under the lock of its key, so never under a living builder; that of `ownName` is held. */
export async function removeDeadBuilds(context: Context, ownName: string): Promise<void> {
  const names = (await readdir(storeDir(context)).catch(() => [])).filter((name) => name.startsWith(BUILDING));
  for (const entry of names) {
    const remove = (): Promise<void> => rm(join(storeDir(context), entry), { recursive: true, force: true });
    const name = entry.slice(BUILDING.length).split('.')[0] ?? '';
    if (name === ownName) await remove();
    else {
      await withLock(lockPath(context, name), 'the clean-up of the cache', context, remove, { withinMs: 0 }).catch(
        (error: unknown) => {
          if (!(error instanceof VmkitError && error.code === 'lock-busy')) throw error;
        },
      );
    }
  }
}
