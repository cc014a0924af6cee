import { createHash } from 'node:crypto';
import { formatAddress, formatSubnet, type Subnet } from '../../core/addresses/ipv4.ts';
import { uniqueLocalAddress, uniqueLocalPrefix } from '../../core/addresses/ipv6.ts';

/** Machines on a bridge of this host. Nothing here names an uplink. */
export interface BridgeNetwork {
  /** Of the network, and of its nft tables: `vmkit_<name>`. */
  readonly name: string;
  /** The interface; at most 15 characters (IFNAMSIZ). */
  readonly bridge: string;
  readonly subnet: Subnet;
  /** False where the host's kernel has IPv6 switched off. */
  readonly hasIpv6: boolean;
  /** Whether the bridge is told to forward IPv6: the host as a whole does not, and its kernel can for one interface. */
  readonly forcesIpv6: boolean;
}

/** One machine's way into the bridge. */
export interface Tap {
  /** The interface; at most 15 characters. */
  readonly name: string;
  /** Of the machine, as a number; its only one on this bridge. */
  readonly address: number;
  /** The numeric user id that may open the TAP without root. */
  readonly owner: number;
}

export interface NetworkAddresses {
  readonly subnet: string;
  readonly gateway: string;
  readonly subnet6: string;
  readonly gateway6: string;
  /** The IPv6 address of the machine with this IPv4 address. */
  readonly host6: (address: number) => string;
}

/** What each address of a network is, as text. IPv6: a /64 of RFC 4193, its 40 bits made from the name and the subnet. */
export function networkAddresses({ name, subnet }: Pick<BridgeNetwork, 'name' | 'subnet'>): NetworkAddresses {
  const host6 = (address: number): string => uniqueLocalAddress(name, subnet, address);
  return {
    subnet: formatSubnet(subnet),
    gateway: formatAddress(subnet.base + 1),
    subnet6: `${uniqueLocalPrefix(name, subnet)}::/64`,
    gateway6: host6(subnet.base + 1),
    host6,
  };
}

/** The MAC address of the bridge itself: locally administered (IEEE 802), the same at every start. */
export function bridgeMac({ name, bridge }: Pick<BridgeNetwork, 'name' | 'bridge'>): string {
  const id = createHash('sha256').update(`vmkit ${name} ${bridge}`).digest('hex').slice(0, 10);
  return ['02', ...(id.match(/../g) ?? [])].join(':');
}
