import * as z from 'zod';
import { machineAddress } from './addresses.ts';
import { linkAddresses, linkCard } from './link-addresses.ts';
import type { Network } from './network.ts';
import type { PrivateSpec } from './network-spec.ts';
import { FORWARDED_UDP } from './user.ts';
import { worldKeys } from './world.ts';

export const privateSchema = z
  .strictObject({ kind: z.literal('private'), address: machineAddress, ...worldKeys })
  .describe('As `user`; in addition the machines that need each other reach each other at these addresses. No root.');

export function privateNetwork(spec: PrivateSpec): Network {
  const link = linkAddresses(spec);
  return {
    title: `private network ${link.network}/24`,
    address: spec.address,
    world: { world: spec.world, hostAccess: spec.hostAccess },
    card: linkCard(link, { end: 'stream', gateways: [] }),
    routed: undefined,
    udp: FORWARDED_UDP,
  };
}
