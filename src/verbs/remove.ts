import { VmkitError } from '../core/errors/errors.ts';
import { type MachinePaths, machinePaths } from '../core/paths.ts';
import type { Context } from '../host/context.ts';
import type { Host } from '../host/host.ts';
import { isLink } from '../host/is-link.ts';
import type { MachineNode } from '../machine/disks/identity.ts';
import { withMachine } from '../machine/state/machine-lock.ts';
import { requireNothingRuns } from '../machine/state/running.ts';
import { leaveNetworks } from '../machine/switch/network-members.ts';
import { undoWithShared } from './host/undo-changes.ts';
import { type MachineParts, machineParts } from './machine-parts.ts';

export interface RemovedMachine {
  readonly name: string;
  readonly deleted: readonly string[];
  /** What was done to this host for it, and is undone. */
  readonly undone: readonly string[];
  /** Its node in a tailnet, which may be there yet. */
  readonly node: MachineNode | undefined;
}

/**
 * Deletes a machine: takes back what was done to this host for it, takes it off its networks, then deletes its folders. `consent` throws to refuse. Where
 * something cannot be undone, nothing is deleted, and the error says so.
 */
export async function removeMachine(
  name: string,
  consent: (parts: MachineParts) => Promise<void>,
  context: Context,
): Promise<RemovedMachine> {
  await requireMachineFolders(machinePaths(context.paths, name), context.host);
  return withMachine(name, `vmkit rm ${name}`, context, async (machine) => {
    await requireNothingRuns(machine, context);
    const parts = await machineParts(name, context);
    await consent(parts);
    const undone = await undoAll(parts, context);
    await leaveNetworks(name, context);
    for (const folder of parts.folders) await context.host.remove(folder);
    return { name, deleted: parts.folders, undone, node: parts.node };
  });
}

/** A machine that changed nothing on this host asks nothing of it: no root. */
async function undoAll({ name, changes }: MachineParts, context: Context): Promise<readonly string[]> {
  if (changes.length === 0) return [];
  const ids = changes.map(({ id }) => id);
  try {
    return (await undoWithShared(ids, `vmkit rm ${name}`, context)).map(({ title }) => title);
  } catch (error) {
    if (!(error instanceof VmkitError) || error.kind === 'interrupted') throw error;
    const { kind, code, hint, details } = error;
    const text = `${name} was not deleted, since what was done to the host for it could not all be undone. ${error.message}`;
    throw new VmkitError(kind, code, text, { hint, details, cause: error });
  }
}

/** One of these is in each folder of a machine. */
const SIGNS = [
  'identity.json',
  'data.img',
  'secrets',
  'lock',
  'power.lock',
  'state.json',
  'console.log',
  'qemu.log',
  'run',
];

/** Throws `not-a-machine` for folders that vmkit did not make: a link, or one with nothing of a machine in it. */
async function requireMachineFolders({ dataDir, stateDir }: MachinePaths, host: Host): Promise<void> {
  for (const folder of [dataDir, stateDir]) {
    const isElsewhere = await isLink(folder, host);
    const there = isElsewhere ? undefined : await host.stat(folder);
    if (!isElsewhere && there === undefined) continue;
    const names = there?.kind === 'folder' ? ((await host.list(folder)) ?? []) : [];
    if (names.some((name) => SIGNS.includes(name))) continue;
    const what = isElsewhere ? 'is a link' : 'holds nothing of a machine';
    throw new VmkitError('usage', 'not-a-machine', `${folder} ${what}. Nothing was deleted.`, {
      hint: 'Look at it, and delete it by hand if it is yours to delete.',
    });
  }
}
