import * as z from 'zod';
import type { Network, UdpPorts } from './network.ts';
import type { UserSpec } from './network-spec.ts';
import { worldKeys } from './world.ts';

export const userSchema = z
  .strictObject({ kind: z.literal('user'), ...worldKeys })
  .describe(
    'The machine dials the world; this host reaches its forwarded ports on 127.0.0.1. No root, nothing to set up.',
  );

/** Of each machine whose monitor opens its UDP ports on this host. */
export const FORWARDED_UDP: UdpPorts = { by: 'monitor', here: '127.0.0.1', elsewhere: undefined };

export function userNetwork({ world, hostAccess }: UserSpec): Network {
  return {
    title: "user network (QEMU's own), ports on 127.0.0.1",
    address: '',
    world: { world, hostAccess },
    card: undefined,
    routed: undefined,
    udp: FORWARDED_UDP,
  };
}
