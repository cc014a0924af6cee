import type { Change } from '../../host/changes/change.ts';
import { udpForwardChange } from '../../host/network/udp-forward.ts';
import type { Facts } from '../facts.ts';

/**
 * What makes this host's UDP port lead to a tunnel of a machine on the bridge. Nothing where there is no such tunnel, QEMU holds the port, or the machine has an
 * address of its own.
 */
export function planUdp(service: 'wireguard' | 'nebula', { target, wireguard, nebula }: Facts): readonly Change[] {
  const { machine, bridgeAddress } = target;
  const port = { wireguard: wireguard?.tunnel.port, nebula: nebula?.node.port }[service];
  if (bridgeAddress === undefined || port === undefined) return [];
  return [udpForwardChange(machine, service, bridgeAddress, port)];
}
