import * as z from 'zod';
import { expected } from '../units.ts';
import { bridgeNetwork, bridgeSchema } from './bridge.ts';
import { macvtapNetwork, macvtapSchema } from './macvtap.ts';
import type { Network } from './network.ts';
import type { NetworkSpec, WorldSpec } from './network-spec.ts';
import { privateNetwork, privateSchema } from './private.ts';
import { userNetwork, userSchema } from './user.ts';

/** How a machine is connected: as vm.yaml says it, and as state.json keeps it. */
export const networkSchema: z.ZodType<NetworkSpec> = z.discriminatedUnion(
  'kind',
  [userSchema, privateSchema, bridgeSchema, macvtapSchema],
  { error: expected('a network', 'network: { kind: private, address: 192.168.100.2 }') },
);

/** What a machine's network says of itself. Nothing else tells the kinds apart, but what makes one of them on the host. */
export function networkOf(spec: NetworkSpec): Network {
  switch (spec.kind) {
    case 'user':
      return userNetwork(spec);
    case 'private':
      return privateNetwork(spec);
    case 'bridge':
      return bridgeNetwork(spec);
    case 'macvtap':
      return macvtapNetwork(spec);
  }
}

/** What the guest may dial through the user network, in each kind. */
export function worldOf(spec: NetworkSpec): WorldSpec {
  return networkOf(spec).world ?? { world: 'none', hostAccess: [] };
}
