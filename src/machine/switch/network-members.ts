import { join } from 'node:path';
import * as z from 'zod';
import { parseAddress } from '../../core/addresses/ipv4.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths, networkPaths, networksDir } from '../../core/paths.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import { withLock } from '../../host/with-lock.ts';
import { linkAddresses } from '../../spec/networks/link-addresses.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { runningMachine } from '../state/running.ts';
import type { Member } from './private-switch.ts';
import { ensureSwitch } from './switch-process.ts';

const memberSchema = z.object({
  name: z.string(),
  mac: z.string(),
  addresses: z.array(z.string()),
  needs: z.array(z.string()),
  /** What its QEMU listens on. */
  socket: z.string(),
});

/** A machine on a private network, as the network's switch reads it. */
export type NetworkMember = z.infer<typeof memberSchema> & Member;

/**
 * Puts a machine on its private network, and sees to it that the network's switch runs. Throws `address-taken` when a running machine has that
 * address. A machine without a private network joins none.
 */
export async function joinNetwork(spec: Pick<VmSpec, 'name' | 'needs' | 'network'>, context: Context): Promise<void> {
  if (spec.network.kind !== 'private') return;
  const { network, mac, address, address6 } = linkAddresses(spec.network);
  const paths = networkPaths(context.paths, network);
  await context.host.makeFolder(paths.membersDir, 0o755);
  await withLock(paths.lock, `vmkit boot ${spec.name}`, context, async () => {
    for (const other of await readMembers(paths.membersDir, context)) {
      if (other.name === spec.name || !other.addresses.includes(address)) continue;
      if ((await runningMachine(other.name, context)) === undefined) continue;
      throw new VmkitError('boot', 'address-taken', `${spec.name} wants ${address}, which ${other.name} has.`, {
        hint: `Give one of them another address, or stop ${other.name}.`,
      });
    }
    const member: NetworkMember = {
      name: spec.name,
      mac,
      addresses: [address, address6],
      needs: [...spec.needs],
      socket: machinePaths(context.paths, spec.name).linkSocket,
    };
    await context.host.write(memberFile(spec.name, network, context.paths), `${JSON.stringify(member)}\n`, 0o600);
    await ensureSwitch(paths, context);
  });
}

/** Takes a machine off every network; the switch of one without machines ends by itself. */
export async function leaveNetworks(name: string, context: Pick<Context, 'host' | 'paths'>): Promise<void> {
  for (const network of await networksOf(name, context)) {
    await context.host.remove(memberFile(name, network, context.paths));
  }
}

/** The private networks that a machine is on, each by its first address. */
export async function networksOf(
  name: string,
  { host, paths }: Pick<Context, 'host' | 'paths'>,
): Promise<readonly string[]> {
  const all = ((await host.list(networksDir(paths))) ?? []).filter((each) => parseAddress(each) !== undefined);
  const on = await Promise.all(all.map((network) => host.stat(memberFile(name, network, paths))));
  return all.filter((_, at) => on[at] !== undefined);
}

function memberFile(name: string, network: string, paths: Context['paths']): string {
  return join(networkPaths(paths, network).membersDir, `${name}.json`);
}

/** What is half written or of another version is left out. */
export async function readMembers(membersDir: string, { host }: Pick<Context, 'host'>): Promise<NetworkMember[]> {
  const files = ((await host.list(membersDir)) ?? []).filter((file) => file.endsWith('.json'));
  const members = files.map(async (file) => {
    const member = parseJson(await host.readOurs(join(membersDir, file)), memberSchema);
    return member === undefined ? [] : [member];
  });
  return (await Promise.all(members)).flat();
}

/** Those that a machine may talk to: the ones that it needs, and the ones that need it. */
export function peersOf(member: NetworkMember, members: readonly NetworkMember[]): NetworkMember[] {
  return members.filter(({ name, needs }) => member.needs.includes(name) || needs.includes(member.name));
}
