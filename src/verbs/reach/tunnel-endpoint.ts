import type { JournalEntry } from '../../host/changes/change-journal.ts';
import type { Host } from '../../host/host.ts';
import { udpForwardId } from '../../host/network/udp-forward.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { resolveName } from '../../net/resolve-name.ts';
import { outboundAddress } from '../../net/udp-channel.ts';
import { linkAddresses } from '../../spec/network.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';

/** Whether the host's UDP port leads to a tunnel of the machine. QEMU forwards it where its user network leads out; with macvtap the machine has an address itself. */
export function isUdpForwarded(
  { name, network }: Pick<VmSpec, 'name' | 'network'>,
  service: string,
  journal: readonly JournalEntry[],
): boolean {
  const own = udpForwardId(name, service);
  return network.kind !== 'bridge' || appliedIn(journal).some(({ id }) => id === own);
}

/** What was done to the host, wholly. */
export function appliedIn(journal: readonly JournalEntry[]): readonly JournalEntry[] {
  return journal.filter(({ state }) => state === 'applied');
}

/** Where this computer sends a tunnel's datagrams, or why it cannot. */
export type TunnelEndpoint = { readonly endpoint: Endpoint } | { readonly whyNot: string };

/**
 * Where this computer finds the UDP port of a machine. On its own host that is QEMU's on loopback; on the bridge an address of the host, so that it is sent on as
 * what comes from outside, and no loopback address, since a packet from there cannot leave the host. Of a machine on another host it is that host's address, or
 * with macvtap the machine's own, which only its own host does not reach.
 */
export async function tunnelEndpoint(
  { network }: Pick<VmSpec, 'network'>,
  port: number,
  host: Host,
): Promise<TunnelEndpoint> {
  if (network.kind === 'macvtap') {
    if (host.isHere) return { whyNot: 'the host does not reach a machine on its own network (macvtap)' };
    return { endpoint: { address: ownAddress(network.address), port } };
  }
  if (host.isHere) {
    const address = network.kind === 'bridge' ? linkAddresses(network).gateway : '127.0.0.1';
    return { endpoint: { address, port } };
  }
  const { name, isDirect } = await host.address();
  if (!isDirect) return { whyNot: `ssh reaches ${host.name} through another computer, which passes no UDP on` };
  const address = await resolveName(name);
  return address === undefined ? { whyNot: `${name} has no address here` } : { endpoint: { address, port } };
}

/**
 * Where clients elsewhere find it, unless the definition says: of a host that is not this computer, the name that ssh uses. A machine with an address of its own
 * on a network is found there.
 */
export async function addressElsewhere({ network }: Pick<VmSpec, 'network'>, host: Host): Promise<string> {
  if (network.kind === 'macvtap') return ownAddress(network.address);
  if (!host.isHere) return (await host.address()).name;
  return (await outboundAddress()) ?? '127.0.0.1';
}

function ownAddress(withPrefix: string): string {
  return withPrefix.replace(/\/.*/, '');
}
