import type { JournalEntry } from '../../host/changes/change-journal.ts';
import { udpForwardId } from '../../host/network/udp-forward.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { outboundAddress } from '../../net/udp-channel.ts';
import { linkAddresses } from '../../spec/network.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';

/** Whether this host's UDP port leads to a tunnel of the machine. QEMU forwards it where its user network leads out; with macvtap the machine has an address itself. */
export function isUdpForwarded(
  { name, network }: Pick<VmSpec, 'name' | 'network'>,
  service: string,
  journal: readonly JournalEntry[],
): boolean {
  const own = udpForwardId(name, service);
  return network.kind !== 'bridge' || appliedIn(journal).some(({ id }) => id === own);
}

/** What was done to this host, wholly. */
export function appliedIn(journal: readonly JournalEntry[]): readonly JournalEntry[] {
  return journal.filter(({ state }) => state === 'applied');
}

/**
 * Where this host itself finds the UDP port: QEMU's on loopback; on the bridge an address of this host, so that it is sent on as what comes from outside, and no
 * loopback address, since a packet from there cannot leave this host. Undefined with macvtap: this host does not reach the machine.
 */
export function endpointHere({ network }: Pick<VmSpec, 'network'>, port: number): Endpoint | undefined {
  switch (network.kind) {
    case 'user':
    case 'private':
      return { address: '127.0.0.1', port };
    case 'bridge':
      return { address: linkAddresses(network).gateway, port };
    case 'macvtap':
      return undefined;
  }
}

/** Where clients elsewhere find it, unless the definition says. A machine with an address of its own on a network is found there. */
export async function addressElsewhere({ network }: Pick<VmSpec, 'network'>): Promise<string> {
  if (network.kind === 'macvtap') return network.address.replace(/\/.*/, '');
  return (await outboundAddress()) ?? '127.0.0.1';
}
