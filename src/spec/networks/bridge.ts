import * as z from 'zod';
import { machineAddress } from './addresses.ts';
import { BRIDGE, linkAddresses, linkCard } from './link-addresses.ts';
import type { Network } from './network.ts';
import type { BridgeSpec } from './network-spec.ts';

export const bridgeSchema = z
  .strictObject({ kind: z.literal('bridge'), address: machineAddress })
  .describe('The machine is on a bridge of this host, which `vmkit host setup` makes as root.');

/**
 * A UDP port is looked for at the bridge's own address: what is sent there is sent on as what comes from outside, while a packet from a loopback address cannot
 * leave this host.
 */
export function bridgeNetwork(spec: BridgeSpec): Network {
  const link = linkAddresses(spec);
  return {
    title: `bridge ${BRIDGE.interface} ${link.network}/24`,
    address: spec.address,
    world: undefined,
    card: linkCard(link, { end: 'tap', gateways: [link.gateway, link.gateway6] }),
    routed: spec.address,
    udp: { by: 'rule', here: link.gateway, elsewhere: undefined },
  };
}
