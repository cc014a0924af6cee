import type { Change } from '../host/change.ts';
import { udpForwardChange, udpForwardId } from '../host/udp-forward.ts';
import type { Facts } from './check.ts';

/** Names what was done to this host for a machine's Nebula. */
export function nebulaChangeId(machine: string): string {
  return udpForwardId(machine, 'nebula');
}

/** What makes this host's UDP port lead to a machine on the bridge; nothing where it does so anyway. After a reboot of this host the machine's next boot makes it again. */
export function planNebula({ target, nebula }: Facts): readonly Change[] {
  const { machine, bridgeAddress } = target;
  if (bridgeAddress === undefined || nebula === undefined) return [];
  return [{ ...udpForwardChange(machine, 'nebula', bridgeAddress, nebula.node.port), outlivesReboot: true }];
}
