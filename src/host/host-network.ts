import { VmkitError } from '../core/errors.ts';
import { type RunAsRoot, rootRunner } from './as-root.ts';
import type { BridgeNetwork, Tap } from './bridge-addresses.ts';
import { linkChange, networkChanges, tapChanges, uplinkChange } from './bridge-network.ts';
import type { Change } from './change.ts';
import type { Context } from './context.ts';
import { type ForwardFilters, firewallChanges, readForwardFilters } from './firewalls.ts';
import { type HostRoute, parseRoutes, requireFreeSubnet, uplinksOf } from './host-routes.ts';

/** A network, and who is on it: what a host is to have. */
export interface NetworkRequest extends Omit<BridgeNetwork, 'hasIpv6'> {
  readonly taps: readonly Tap[];
  /** Names of TAPs whose machines may exchange frames. */
  readonly links: readonly (readonly [string, string])[];
}

export interface HostNetworkFacts {
  readonly routes: readonly HostRoute[];
  readonly uplinks: readonly { readonly name: string; readonly isForwarding: boolean }[];
  readonly isForwarding: boolean;
  readonly hasIpv6: boolean;
  /** Undefined where vmkit may not look: it needs root. */
  readonly filters: ForwardFilters | undefined;
}

/** What the host has now. Changes nothing. */
export async function readHostNetwork(context: Context): Promise<HostNetworkFacts> {
  const run = await rootRunner(context);
  const routes = parseRoutes(await read(['ip', '-j', '-4', 'route', 'show', 'table', 'all'], context));
  const flag = async (key: string): Promise<boolean> =>
    (await read(['cat', `/proc/sys/net/${key}`], context)).trim() === '1';
  const uplinks: HostNetworkFacts['uplinks'][number][] = [];
  for (const name of uplinksOf(routes))
    uplinks.push({ name, isForwarding: await flag(`ipv4/conf/${name}/forwarding`) });
  const { exitCode, stdout } = await context.host.exec(['cat', '/proc/sys/net/ipv6/conf/default/disable_ipv6']);
  return {
    routes,
    uplinks,
    isForwarding: await flag('ipv4/ip_forward'),
    hasIpv6: exitCode === 0 && stdout.trim() === '0',
    filters: await readFilters(run, context.signal),
  };
}

/**
 * All changes that make the host what is asked, whether or not they hold already; pure. The firewalls' own places come last.
 * Throws `subnet-taken`.
 */
export function planNetwork(request: NetworkRequest, facts: HostNetworkFacts): readonly Change[] {
  const { taps, links, ...rest } = request;
  const network = { ...rest, hasIpv6: facts.hasIpv6 };
  requireFreeSubnet(network.subnet, network.bridge, facts.routes);
  const uplinks = facts.uplinks.filter(({ name, isForwarding }) => !isForwarding && name !== network.bridge);
  return [
    ...networkChanges(network),
    ...taps.flatMap((tap) => tapChanges(network, tap)),
    ...links.map((link) => linkChange(network, link)),
    ...uplinks.map(({ name }) => uplinkChange(name, facts.isForwarding)),
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
  return new VmkitError(
    'host',
    'host-unreadable',
    `Looking at this host's network: ${command} failed: ${said.trim()}`,
    {
      hint: 'Run it by hand.',
    },
  );
}
