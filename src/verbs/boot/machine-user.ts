import { createHash } from 'node:crypto';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { type Identity, newIdentity, readIdentity, writeIdentity } from '../../machine/disks/identity.ts';
import type { LockedMachine } from '../../machine/state/machine-lock.ts';
import { machineNames } from '../../machine/state/machines.ts';
import type { Vmm } from '../../machine/vmm/vmm.ts';
import { isThere } from '../machine-name.ts';

/**
 * Numbers that nobody gives to users: unused in systemd's table (docs/UIDS-GIDS.md), above those that GDM takes. They are below 65536, so a container's root has
 * them, too.
 */
const FIRST = 60_706;
const LAST = 61_183;

/**
 * As whom a machine's QEMU runs where root starts it: a number of its own, kept in its identity, which is made here if need be. Undefined where vmkit is not root:
 * then QEMU runs as the person, and for a monitor that cannot change its user. A number that somebody else has by now is changed. Throws `identity-damaged`, `no-free-user`.
 */
export async function ensureMachineUser(
  { name, paths }: LockedMachine,
  vmm: Vmm,
  context: Context,
): Promise<number | undefined> {
  if (!(await isOthers(vmm, context))) return undefined;
  const identity = await readIdentity(paths.identityFile, context.host);
  if (identity === undefined && (await isThere(paths.dataDisk, context))) {
    throw new VmkitError('host', 'identity-damaged', `${name} has a data disk, and ${paths.identityFile} is missing.`, {
      hint: 'Restore it from a backup.',
    });
  }
  const uid = await chooseUser(name, identity, context);
  if (uid !== identity?.uid)
    await writeIdentity(paths.identityFile, { ...(identity ?? newIdentity()), uid }, context.host);
  return uid;
}

/** The same without keeping it: what a boot would take now. */
export async function plannedUser(name: string, vmm: Vmm, context: Context): Promise<number | undefined> {
  if (!(await isOthers(vmm, context))) return undefined;
  const { identityFile } = machinePaths(context.paths, name);
  return chooseUser(name, await readIdentity(identityFile, context.host), context);
}

/** On a phone only root may open the hypervisor, so its crosvm stays root. */
async function isOthers({ abilities }: Vmm, { host }: Context): Promise<boolean> {
  return abilities.has('own-user') && (await host.facts()).isRoot;
}

async function chooseUser(name: string, identity: Identity | undefined, context: Context): Promise<number> {
  const others = new Set<number | undefined>();
  for (const other of (await machineNames(context)).filter((each) => each !== name)) {
    const { identityFile } = machinePaths(context.paths, other);
    // A damaged one is the other machine's trouble.
    others.add((await readIdentity(identityFile, context.host).catch(() => undefined))?.uid);
  }
  for (const uid of candidates(name, identity?.uid)) {
    if (!others.has(uid) && !(await isKnown(uid, context))) return uid;
  }
  throw new VmkitError('host', 'no-free-user', `All user ids from ${FIRST} to ${LAST} are taken.`, {
    hint: 'Each machine that root starts needs one: vmkit rm machines that are not needed any more.',
  });
}

/** The one that it has; then all, from one that its name says: two hosts give the same machine the same number, most often. */
function candidates(name: string, kept: number | undefined): number[] {
  const count = LAST - FIRST + 1;
  const from = createHash('sha256').update(name).digest().readUInt32BE() % count;
  const all = Array.from({ length: count }, (_, at) => FIRST + ((from + at) % count));
  return kept === undefined || kept < FIRST || kept > LAST ? all : [kept, ...all];
}

/** getent(1) ends with 2 where there is no such user. */
async function isKnown(uid: number, { host, signal }: Context): Promise<boolean> {
  const { exitCode } = await host.exec(['getent', 'passwd', String(uid)], { withinMs: 30_000, signal });
  return exitCode === 0;
}
