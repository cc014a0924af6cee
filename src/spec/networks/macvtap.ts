import * as z from 'zod';
import { machineMac, parseAddress } from '../../core/addresses/ipv4.ts';
import { lanAddress } from './addresses.ts';
import type { Network } from './network.ts';
import type { MacvtapSpec } from './network-spec.ts';

export const macvtapSchema = z
  .strictObject({
    kind: z.literal('macvtap'),
    on: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{1,15}$/, 'an interface of this host')
      .describe('The interface of this host that is on that network'),
    address: lanAddress.describe('A free address of that network; for example 192.168.1.50/24'),
    gateway: z.ipv4('an IPv4 address').optional().meta({
      title: 'IPv4 address',
      description: 'The router of that network; no way out by IPv4 when absent',
    }),
  })
  .describe('The machine has an address of its own on the network of this host; `vmkit host setup --macvtap` as root.');

/** IPv6 comes from that network's router (RFC 4862). */
export function macvtapNetwork({ on, address: text, gateway }: MacvtapSpec): Network {
  const address = text.replace(/\/.*/, '');
  const number = parseAddress(address);
  if (number === undefined) throw new TypeError(`No IPv4 address: ${text}`);
  return {
    title: `network of ${on}`,
    address: text,
    world: undefined,
    card: {
      end: 'macvtap',
      leadsTo: 'The network of an interface of the host.',
      interface: 'eth1',
      mac: machineMac(number),
      addresses: [text],
      gateways: gateway === undefined ? [] : [gateway],
    },
    routed: undefined,
    udp: { by: 'itself', here: undefined, elsewhere: address },
  };
}
