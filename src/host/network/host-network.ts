import { VmkitError } from '../../core/errors/errors.ts';
import { type RunAsRoot, rootRunner } from '../changes/as-root.ts';
import type { Change } from '../changes/change.ts';
import type { Context } from '../context.ts';
import type { BridgeNetwork, Tap } from './bridge-addresses.ts';
import {
  forwardingKey,
  linkChange,
  networkChanges,
  TUN_DEVICE,
  tapChanges,
  tunDeviceChanges,
  uplinkChange,
  WHOLE_HOST,
} from './bridge-network.ts';
import { type ForwardFilters, firewallChanges, readForwardFilters } from './firewalls.ts';
import { type HostRoute, parseRoutes, requireFreeSubnet, uplinksOf } from './host-routes.ts';
import { type Macvtap, macvtapChange } from './macvtap.ts';

/** A network, and who is on it: what a host is to have. */
export interface NetworkRequest extends Omit<BridgeNetwork, 'hasIpv6' | 'forcesIpv6'> {
  readonly taps: readonly Tap[];
  /** Names of TAPs whose machines may exchange frames. */
  readonly links: readonly (readonly [string, string])[];
  readonly macvtaps: readonly Macvtap[];
}

export interface HostNetworkFacts {
  readonly routes: readonly HostRoute[];
  readonly ipv4: Forwarding;
  /** Undefined where the kernel has IPv6 switched off. */
  readonly ipv6: (Forwarding & { /** Since Linux 6.17. */ readonly isByInterface: boolean }) | undefined;
  /** The mode of /dev/net/tun, in octal; undefined where it is not there yet. */
  readonly tunMode: string | undefined;
  /** Undefined where vmkit may not look: it needs root. */
  readonly filters: ForwardFilters | undefined;
}

/** A machine on the host's own network takes no bridge. */
export function takesBridge({ taps, macvtaps }: Pick<NetworkRequest, 'taps' | 'macvtaps'>): boolean {
  return taps.length > 0 || macvtaps.length === 0;
}

/** What a family of addresses is forwarded by. */
interface Forwarding {
  readonly isForwarding: boolean;
  readonly uplinks: readonly { readonly name: string; readonly isForwarding: boolean }[];
}

/** What the host has now. Changes nothing. */
export async function readHostNetwork(context: Context): Promise<HostNetworkFacts> {
  const run = await rootRunner(context);
  const routes = parseRoutes(await read(['ip', '-j', '-4', 'route', 'show', 'table', 'all'], context));
  return {
    routes,
    ipv4: await readForwarding('ipv4', routes, context),
    ipv6: (await isOn('net/ipv6/conf/default/disable_ipv6', context)) === false ? await readIpv6(context) : undefined,
    tunMode: await readTunMode(context),
    filters: await readFilters(run, context.signal),
  };
}

async function readIpv6(context: Context): Promise<HostNetworkFacts['ipv6']> {
  const routes = parseRoutes(await read(['ip', '-j', '-6', 'route', 'show', 'table', 'all'], context));
  const isByInterface = (await isOn(forwardingKey('all', 'ipv6'), context)) !== undefined;
  return { ...(await readForwarding('ipv6', routes, context)), isByInterface };
}

async function readForwarding(
  family: 'ipv4' | 'ipv6',
  routes: readonly HostRoute[],
  context: Context,
): Promise<Forwarding> {
  const uplinks: { name: string; isForwarding: boolean }[] = [];
  for (const name of uplinksOf(routes)) {
    uplinks.push({ name, isForwarding: (await isOn(forwardingKey(name, family), context)) === true });
  }
  return { isForwarding: (await isOn(WHOLE_HOST[family], context)) === true, uplinks };
}

async function readTunMode({ host, signal }: Context): Promise<string | undefined> {
  const { exitCode, stdout } = await host.exec(['stat', '-c', '%a', TUN_DEVICE], { signal, withinMs: 5_000 });
  return exitCode === 0 ? stdout.trim() : undefined;
}

/** Undefined where this kernel has no such key. */
async function isOn(key: string, { host, signal }: Context): Promise<boolean | undefined> {
  const { exitCode, stdout } = await host.exec(['cat', `/proc/sys/${key}`], { signal, withinMs: 5_000 });
  return exitCode === 0 ? stdout.trim() === '1' : undefined;
}

/**
 * All changes that make the host what is asked, whether or not they hold already; pure. The firewalls' own places come last.
 * Throws `subnet-taken`.
 */
export function planNetwork(request: NetworkRequest, facts: HostNetworkFacts): readonly Change[] {
  const { taps, links, macvtaps, ...rest } = request;
  if (!takesBridge(request)) return macvtaps.map(macvtapChange);
  const forcesIpv6 = facts.ipv6?.isForwarding === false && facts.ipv6.isByInterface;
  const network = { ...rest, hasIpv6: facts.ipv6 !== undefined, forcesIpv6 };
  requireFreeSubnet(network.subnet, network.bridge, facts.routes);
  const uplinks = (family: 'ipv4' | 'ipv6', { isForwarding, uplinks: all }: Forwarding): Change[] =>
    all
      .filter((uplink) => !uplink.isForwarding && uplink.name !== network.bridge)
      .map(({ name }) => uplinkChange(name, family, isForwarding));
  return [
    ...networkChanges(network),
    ...taps.flatMap((tap) => tapChanges(network, tap)),
    ...(taps.length > 0 ? tunDeviceChanges(facts.tunMode) : []),
    ...links.map((link) => linkChange(network, link)),
    ...macvtaps.map(macvtapChange),
    ...uplinks('ipv4', facts.ipv4),
    ...(facts.ipv6 !== undefined && forcesIpv6 ? uplinks('ipv6', facts.ipv6) : []),
    ...(facts.filters === undefined ? [] : firewallChanges(network.bridge, facts.filters)),
  ];
}

async function readFilters(run: RunAsRoot, signal: AbortSignal): Promise<ForwardFilters | undefined> {
  try {
    const { exitCode, stdout, stderr } = await run({ argv: ['nft', '-j', 'list', 'ruleset'] }, signal);
    if (exitCode !== 0) throw unreadable('nft -j list ruleset', stderr);
    return readForwardFilters(stdout);
  } catch (error) {
    if (error instanceof VmkitError && error.code === 'sudo-refused') return undefined;
    throw error;
  }
}

async function read(argv: readonly string[], { host, signal }: Context): Promise<string> {
  const { exitCode, stdout, stderr } = await host.exec(argv, { signal, withinMs: 30_000 });
  if (exitCode !== 0) throw unreadable(argv.join(' '), stderr);
  return stdout;
}

function unreadable(command: string, said: string): VmkitError {
  return new VmkitError('host', 'host-unreadable', `Looking at the host's network: ${command} failed: ${said.trim()}`, {
    hint: 'Run it by hand.',
  });
}
