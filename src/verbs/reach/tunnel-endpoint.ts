import type { JournalEntry } from '../../host/changes/change-journal.ts';
import { udpForwardId } from '../../host/network/udp-forward.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { outboundAddress } from '../../net/udp-channel.ts';
import { networkOf } from '../../spec/networks/networks.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';

/** Whether a UDP port leads to a tunnel of the machine: of this host, or of the machine itself where it has an address outside. */
export function isUdpForwarded(
  { name, network }: Pick<VmSpec, 'name' | 'network'>,
  service: string,
  journal: readonly JournalEntry[],
): boolean {
  const own = udpForwardId(name, service);
  return networkOf(network).udp.by !== 'rule' || appliedIn(journal).some(({ id }) => id === own);
}

/** What was done to this host, wholly. */
export function appliedIn(journal: readonly JournalEntry[]): readonly JournalEntry[] {
  return journal.filter(({ state }) => state === 'applied');
}

/** Where this host itself finds the UDP port; undefined where it does not reach the machine. */
export function endpointHere({ network }: Pick<VmSpec, 'network'>, port: number): Endpoint | undefined {
  const address = networkOf(network).udp.here;
  return address === undefined ? undefined : { address, port };
}

/** Where clients elsewhere find it, unless the definition says. */
export async function addressElsewhere({ network }: Pick<VmSpec, 'network'>): Promise<string> {
  return networkOf(network).udp.elsewhere ?? (await outboundAddress()) ?? '127.0.0.1';
}
