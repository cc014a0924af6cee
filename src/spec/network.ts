import { formatAddress, machineMac, parseAddress } from '../core/ipv4.ts';
import { uniqueLocalAddress } from '../core/ipv6.ts';

/** QEMU's user network, as the guest sees it (qemu-system(1), `-netdev user`). The guest's address is set statically: no wait for DHCP. */
export const USER_NETWORK = {
  address: '10.0.2.15',
  prefixLength: 24,
  gateway: '10.0.2.2',
  dns: '10.0.2.3',
  address6: 'fec0::15',
  prefixLength6: 64,
  gateway6: 'fec0::2',
  interface: 'eth0',
  mac: '52:54:00:76:6d:6b',
} as const;

/**
 * What a guest may dial through the user network; forwarded TCP ports work with each.
 * - none: nothing.
 * - internet: what this host reaches, but nothing of this host itself (machine/gate/world-gate.ts).
 * - host: as any program of this host: the host's loopback as well, at the gateway's address.
 */
export const WORLDS = ['none', 'internet', 'host'] as const;
export type World = (typeof WORLDS)[number];

export interface WorldSpec {
  readonly world: World;
  /** TCP ports of the host's loopback that a guest with the world `internet` reaches at the gateway's address all the same. */
  readonly hostAccess: readonly number[];
}

/**
 * - user: QEMU's own user-mode stack alone; ports on the host's loopback.
 * - private: beside it a link to the machines that this one needs and that need it; nobody else is on it, and nobody needs root.
 * - bridge: a TAP of this host's bridge, which `vmkit host setup` makes, leads to the world; this host, and what it routes, reach the machine. The user network
 *   is left for the ports on loopback alone: what a guest dials there comes from the host itself, past all rules of the bridge.
 * - macvtap: an address of its own on the network that an interface of this host is on, beside the same ports on loopback. This host itself does not reach it
 *   there, by the nature of macvtap.
 */
export type NetworkSpec =
  | ({ readonly kind: 'user' } & WorldSpec)
  | ({ readonly kind: 'private'; readonly address: string } & WorldSpec)
  | { readonly kind: 'bridge'; readonly address: string }
  | MacvtapSpec;

/** A machine with a way of its own into the world has no second one, which would come from this host itself. */
export function worldOf(network: NetworkSpec): WorldSpec {
  return 'world' in network ? network : { world: 'none', hostAccess: [] };
}

export interface MacvtapSpec {
  readonly kind: 'macvtap';
  /** The interface of this host. */
  readonly on: string;
  /** With the length of the network's prefix: `192.168.1.50/24`. */
  readonly address: string;
  /** None: the machine reaches its own network only. */
  readonly gateway?: string | undefined;
}

/** The bridge of this host, and the name of its network. */
export const BRIDGE = { name: 'vmkit', interface: 'vmkit0' } as const;

/** A network of vmkit's own that a machine has an address on. */
export interface LinkSpec {
  readonly kind: 'private' | 'bridge';
  readonly address: string;
}

/** A machine's place on a private network or the bridge: a /24 and a /64. */
export interface LinkAddresses {
  readonly interface: 'eth1';
  readonly mac: string;
  readonly address: string;
  readonly prefixLength: 24;
  readonly address6: string;
  readonly prefixLength6: 64;
  /** The first address of the /24, which names the network. */
  readonly network: string;
  /** Where a machine on the bridge sends what is for the world; a private network leads nowhere. */
  readonly gateway: string;
  readonly gateway6: string;
}

/** All that follows from the IPv4 address. */
export function linkAddresses({ kind, address }: LinkSpec): LinkAddresses {
  const number = parseAddress(address);
  if (number === undefined) throw new TypeError(`No IPv4 address: ${address}`);
  const base = number - (number % 256);
  const host6 = (host: number): string =>
    uniqueLocalAddress(kind === 'bridge' ? BRIDGE.name : kind, { base, bits: 24 }, host);
  return {
    interface: 'eth1',
    mac: machineMac(number),
    address,
    prefixLength: 24,
    address6: host6(number),
    prefixLength6: 64,
    network: formatAddress(base),
    gateway: formatAddress(base + 1),
    gateway6: host6(base + 1),
  };
}

/** Of a machine on a network that is not vmkit's. IPv6 comes from that network's router (RFC 4862). */
export interface LanAddresses {
  readonly interface: 'eth1';
  readonly mac: string;
  readonly address: string;
  readonly prefixLength: number;
}

export function lanAddresses({ address: text }: Pick<MacvtapSpec, 'address'>): LanAddresses {
  const [address = '', length] = text.split('/');
  const number = parseAddress(address);
  if (number === undefined) throw new TypeError(`No IPv4 address: ${text}`);
  return { interface: 'eth1', mac: machineMac(number), address, prefixLength: Number(length) };
}
