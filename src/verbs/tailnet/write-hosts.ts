import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256 } from '../../core/digest.ts';
import { messageOf } from '../../core/errors/errors.ts';
import { editShared } from '../../host/local/shared-file/edit-shared.ts';
import { withLock } from '../../host/with-lock.ts';
import { requireDaemon } from '../../tailnet/daemon/find-daemon.ts';
import { type Conflict, editHosts } from '../../tailnet/hosts/hosts-text.ts';
import { type NodeNames, nodeNames } from '../../tailnet/hosts/node-names.ts';
import type { VerbContext } from '../step.ts';

export const HOSTS_FILE = '/etc/hosts';
/** How often `--watch` asks this computer's own tailscaled, in milliseconds: no other computer is asked. */
const LOOK_EVERY_MS = 5_000;

export interface WrittenHosts {
  readonly file: string;
  /** The socket of the tailscaled that was asked, and how it was found; undefined where the names were taken out. */
  readonly daemon: { readonly socket: string; readonly foundBy: string } | undefined;
  /** Nodes of the tailnet that have a name. */
  readonly nodes: number;
  readonly isChanged: boolean;
  readonly conflicts: readonly Conflict[];
}

/** Writes the tailnet's names into a hosts file of this computer, as they are now. Throws `no-daemon`, `not-writable`, `file-busy`. */
export async function writeHosts(file: string, context: VerbContext): Promise<WrittenHosts> {
  const { socket, foundBy, status } = await requireDaemon(context);
  const nodes = nodeNames(status);
  return { ...(await edit(file, nodes, context)), daemon: { socket, foundBy } };
}

/** Takes them out again. */
export async function removeHosts(file: string, context: VerbContext): Promise<WrittenHosts> {
  return { ...(await edit(file, [], context)), daemon: undefined };
}

/** Writes them again whenever they change, until the signal. `told` hears of each change; where no tailscaled answers the names stay. */
export async function watchHosts(
  file: string,
  told: (written: WrittenHosts) => void,
  context: VerbContext,
): Promise<void> {
  let last = '';
  while (!context.signal.aborted) {
    try {
      const written = await writeHosts(file, context);
      const conflicts = JSON.stringify(written.conflicts);
      if (written.isChanged || conflicts !== last) told(written);
      last = conflicts;
    } catch (error) {
      if (context.signal.aborted) return;
      if (messageOf(error) !== last) context.report({ kind: 'note', text: messageOf(error) });
      last = messageOf(error);
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal: context.signal }).catch(() => undefined);
  }
}

async function edit(
  file: string,
  nodes: readonly NodeNames[],
  context: VerbContext,
): Promise<Omit<WrittenHosts, 'daemon'>> {
  let conflicts: readonly Conflict[] = [];
  const lock = join(context.paths.state, `hosts-${sha256(file).slice(0, 16)}.lock`);
  const isChanged = await withLock(lock, 'vmkit tailnet hosts', context, () =>
    editShared(
      file,
      (text, missed) => {
        const edited = editHosts(text, missed, nodes);
        conflicts = edited.conflicts;
        return edited.text;
      },
      context.signal,
    ),
  );
  return { file, nodes: nodes.length, isChanged, conflicts };
}
