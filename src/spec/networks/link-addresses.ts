import { formatAddress, machineMac, parseAddress } from '../../core/addresses/ipv4.ts';
import { uniqueLocalAddress } from '../../core/addresses/ipv6.ts';
import type { Card } from './network.ts';

/** The bridge of this host, and the name of its network. */
export const BRIDGE = { name: 'vmkit', interface: 'vmkit0' } as const;

/** A network of vmkit's own that a machine has an address on. */
interface Link {
  readonly kind: 'private' | 'bridge';
  readonly address: string;
}

/** A machine's place on a private network or the bridge: a /24 and a /64. */
export interface LinkAddresses {
  readonly mac: string;
  readonly address: string;
  readonly address6: string;
  /** The first address of the /24, which names the network. */
  readonly network: string;
  /** Where a machine on the bridge sends what is for the world; a private network leads nowhere. */
  readonly gateway: string;
  readonly gateway6: string;
}

/** All that follows from the IPv4 address. */
export function linkAddresses({ kind, address }: Link): LinkAddresses {
  const number = parseAddress(address);
  if (number === undefined) throw new TypeError(`No IPv4 address: ${address}`);
  const base = number - (number % 256);
  const host6 = (host: number): string =>
    uniqueLocalAddress(kind === 'bridge' ? BRIDGE.name : kind, { base, bits: 24 }, host);
  return {
    mac: machineMac(number),
    address,
    address6: host6(number),
    network: formatAddress(base),
    gateway: formatAddress(base + 1),
    gateway6: host6(base + 1),
  };
}

/** The card of a machine there. */
export function linkCard(
  { mac, address, address6 }: LinkAddresses,
  { end, gateways }: Pick<Card, 'end' | 'gateways'>,
): Card {
  const addresses = [`${address}/24`, `${address6}/64`];
  return { end, leadsTo: 'The link to other machines.', interface: 'eth1', mac, addresses, gateways };
}
