import { hostPaths } from '../../core/paths.ts';
import { undoChanges } from '../../host/changes/apply-changes.ts';
import { type JournalEntry, readJournal } from '../../host/changes/change-journal.ts';
import type { Context } from '../../host/context.ts';
import { withLock } from '../../host/with-lock.ts';
import { isRouted, TAILNET_FORWARDING } from '../../reach/changes/route-change.ts';

/** Undoes these changes to this host, newest first; what was undone. What all routed machines stand on goes with the last of them. */
export async function undoWithShared(
  ids: readonly string[],
  purpose: string,
  context: Context,
): Promise<readonly JournalEntry[]> {
  return withLock(hostPaths(context.paths).lock, purpose, context, async () => {
    const left = (await readJournal(context)).filter(({ id }) => !ids.includes(id));
    const isShared = left.some(({ id }) => isRouted(id));
    return undoChanges(context, ({ id }) => ids.includes(id) || (!isShared && id.startsWith(TAILNET_FORWARDING)));
  });
}
