import { type MachinePaths, machinePaths } from '../core/paths.ts';
import { type JournalEntry, readJournal } from '../host/changes/change-journal.ts';
import type { Context } from '../host/context.ts';
import { changesOfTap } from '../host/network/tap-changes.ts';
import { type MachineNode, readNode } from '../machine/disks/identity.ts';
import { networksOf } from '../machine/switch/network-members.ts';
import { isExposureOf } from '../reach/changes/exposures.ts';
import { isThere } from './machine-name.ts';
import { portsToUnserve } from './reach/unserve-later.ts';

/** All that a machine consists of on this host. Who deletes, moves or saves one asks here, so that nothing is forgotten. */
export interface MachineParts {
  readonly name: string;
  readonly paths: MachinePaths;
  /** Those of its two folders that are there: data, which must never be lost, and state. */
  readonly folders: readonly string[];
  /** What was done to this host for it and is not undone yet, oldest first: exposures, and its place on the host's network. */
  readonly changes: readonly JournalEntry[];
  /** The private networks that it is on, each by its first address. */
  readonly networks: readonly string[];
  /** Ports in the guest that its next boot is to serve no more. */
  readonly portsToUnserve: readonly number[];
  /** Its node in a tailnet, which nothing on this host ends. */
  readonly node: MachineNode | undefined;
}

export async function machineParts(name: string, context: Pick<Context, 'host' | 'paths'>): Promise<MachineParts> {
  const paths = machinePaths(context.paths, name);
  const journal = await readJournal(context);
  const onNetwork = changesOfTap(
    name,
    journal.map(({ id }) => id),
  );
  const there = await Promise.all(
    [paths.dataDir, paths.stateDir].map(async (path) => ((await isThere(path, context)) ? [path] : [])),
  );
  return {
    name,
    paths,
    folders: there.flat(),
    changes: journal.filter(({ id }) => isExposureOf(name, id) || onNetwork.includes(id)),
    networks: await networksOf(name, context),
    portsToUnserve: await portsToUnserve(name, context),
    node: await readNode(paths.identityFile, context.host),
  };
}
