import type { JournalEntry } from '../../host/changes/change-journal.ts';
import type { Host } from '../../host/host.ts';
import { udpForwardId } from '../../host/network/udp-forward.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { resolveName } from '../../net/resolve-name.ts';
import { outboundAddress } from '../../net/udp-channel.ts';
import { networkOf } from '../../spec/networks/networks.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';

/** Whether a UDP port leads to a tunnel of the machine: of its host, or of the machine itself where it has an address outside. */
export function isUdpForwarded(
  { name, network }: Pick<VmSpec, 'name' | 'network'>,
  service: string,
  journal: readonly JournalEntry[],
): boolean {
  const own = udpForwardId(name, service);
  return networkOf(network).udp.by !== 'rule' || appliedIn(journal).some(({ id }) => id === own);
}

/** What was done to the host, wholly. */
export function appliedIn(journal: readonly JournalEntry[]): readonly JournalEntry[] {
  return journal.filter(({ state }) => state === 'applied');
}

/** Where this computer sends a tunnel's datagrams, or why it cannot. */
export type TunnelEndpoint = { readonly endpoint: Endpoint } | { readonly whyNot: string };

/**
 * Where this computer finds the UDP port of a machine. On the machine's own host its network says where; of a machine on another host it is that host's
 * address, or the machine's own where it has one outside, which only its own host may not reach.
 */
export async function tunnelEndpoint(
  { network }: Pick<VmSpec, 'network'>,
  port: number,
  host: Host,
): Promise<TunnelEndpoint> {
  const { here, elsewhere } = networkOf(network).udp;
  if (host.isHere) {
    if (here !== undefined) return { endpoint: { address: here, port } };
    return { whyNot: `the host does not reach a machine on its own network (${network.kind})` };
  }
  if (elsewhere !== undefined) return { endpoint: { address: elsewhere, port } };
  const { name, isDirect } = await host.address();
  if (!isDirect) return { whyNot: `ssh reaches ${host.name} through another computer, which passes no UDP on` };
  const address = await resolveName(name);
  return address === undefined ? { whyNot: `${name} has no address here` } : { endpoint: { address, port } };
}

/** Where clients elsewhere find it, unless the definition says: of a host that is not this computer, the name that ssh uses. */
export async function addressElsewhere({ network }: Pick<VmSpec, 'network'>, host: Host): Promise<string> {
  const own = networkOf(network).udp.elsewhere;
  if (own !== undefined) return own;
  return host.isHere ? ((await outboundAddress()) ?? '127.0.0.1') : (await host.address()).name;
}
