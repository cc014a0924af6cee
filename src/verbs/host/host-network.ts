import { throwIfInterrupted } from '../../core/deadline.ts';
import { messageOf } from '../../core/errors/errors.ts';
import { hostPaths } from '../../core/paths.ts';
import {
  applyChanges,
  changesOfFormerBoots,
  missingChanges,
  renewChanges,
  undoChanges,
} from '../../host/changes/apply-changes.ts';
import { type Change, shellText } from '../../host/changes/change.ts';
import { readJournal } from '../../host/changes/change-journal.ts';
import type { Context } from '../../host/context.ts';
import { type NetworkRequest, planNetwork, readHostNetwork } from '../../host/network/host-network.ts';
import { requireSilent } from '../../host/network/silent-address.ts';
import { requireTools } from '../../host/tools/tools.ts';
import { withLock } from '../../host/with-lock.ts';

export interface HostReport {
  readonly isDryRun: boolean;
  readonly changes: readonly { readonly title: string; readonly commands: readonly string[] }[];
  /** What a person should know beside. */
  readonly notes: readonly string[];
}

/** Makes the host what is asked, if it is not already; idempotent. What `vmkit boot` calls for a bridge network, too. */
export async function setUpNetwork(request: NetworkRequest, context: Context, isDryRun = false): Promise<HostReport> {
  await requireTools(['network'], context);
  const { lock } = hostPaths(context.paths);
  return withLock(lock, 'vmkit host setup', context, async () => {
    const facts = await readHostNetwork(context);
    const changes = planNetwork(request, facts);
    await requireSilent(request, facts, context);
    if (isDryRun && facts.filters === undefined) {
      const notes = ['sudo asks for a password: firewalls were not seen, and some of this may be done already.'];
      return reportChanges(changes, 'apply', true, context, notes);
    }
    const done = isDryRun ? await missingChanges(changes, context) : await applyChanges(changes, context);
    const notes = (facts.filters?.strangers ?? []).map(
      (chain) => `The chain ${chain} drops forwarded packets: vmkit host check says what to add to it.`,
    );
    return reportChanges(done, 'apply', isDryRun, context, notes);
  });
}

/** Undoes every change to this host, newest first. */
export async function tearDownHost(context: Context, isDryRun = false): Promise<HostReport> {
  const { lock } = hostPaths(context.paths);
  return withLock(lock, 'vmkit host teardown', context, async () => {
    const undone = isDryRun ? [...(await readJournal(context))].reverse() : await undoChanges(context);
    return reportChanges(undone, 'undo', isDryRun, context, []);
  });
}

/** After a reboot of this host: what was exposed through it is made again. A failure is told, and boots no machine less. */
export async function renewHost(context: Context): Promise<void> {
  const note = (text: string): void => context.report({ kind: 'note', text });
  try {
    if ((await changesOfFormerBoots(context)).length === 0) return;
    const { lock } = hostPaths(context.paths);
    const renewed = await withLock(lock, 'vmkit boot', context, () => renewChanges(context));
    for (const { title } of renewed) note(`made again after a reboot: ${title}`);
  } catch (error) {
    throwIfInterrupted(context.signal);
    note(`not made again after a reboot: ${messageOf(error)}`);
  }
}

/** What a person is told of changes that were made or undone, or would be. */
export async function reportChanges(
  changes: readonly Pick<Change, 'title' | 'apply' | 'undo'>[],
  way: 'apply' | 'undo',
  isDryRun: boolean,
  { host }: Context,
  notes: readonly string[],
): Promise<HostReport> {
  const { isRoot } = await host.facts();
  const told = changes.map((change) => ({
    title: way === 'apply' ? change.title : `undo: ${change.title}`,
    commands: change[way].map((command) => shellText(command, isRoot)),
  }));
  return { isDryRun, changes: told, notes };
}
