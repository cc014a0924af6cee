import type { Change } from '../host/change.ts';
import { udpForwardChange, udpForwardId } from '../host/udp-forward.ts';
import type { Facts } from './check.ts';

/** Names what was done to this host for a machine's WireGuard. */
export function wireguardChangeId(machine: string): string {
  return udpForwardId(machine, 'wireguard');
}

/** What makes this host's UDP port lead to the machine; none where nothing has to be done: QEMU holds the port, or the machine has an address of its own. */
export function planWireguard({ target, wireguard }: Facts): readonly Change[] {
  const { machine, bridgeAddress } = target;
  if (bridgeAddress === undefined || wireguard === undefined) return [];
  return [udpForwardChange(machine, 'wireguard', bridgeAddress, wireguard.tunnel.port)];
}
