import { createHash } from 'node:crypto';
import { formatAddress, formatSubnet, type Subnet } from '../core/ipv4.ts';

/** Machines on a bridge of this host. Nothing here names an uplink. */
export interface BridgeNetwork {
  /** Of the network, and of its nft tables: `vmkit_<name>`. */
  readonly name: string;
  /** The interface; at most 15 characters (IFNAMSIZ). */
  readonly bridge: string;
  readonly subnet: Subnet;
  /** False where the host's kernel has IPv6 switched off. */
  readonly hasIpv6: boolean;
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
  const id = createHash('sha256')
    .update(`vmkit ${name} ${formatSubnet(subnet)}`)
    .digest('hex');
  // As RFC 5952 writes it, which is what the tools print.
  const groups = [`fd${id.slice(0, 2)}`, id.slice(2, 6), id.slice(6, 10)].map((group) => group.replace(/^0+(?=.)/, ''));
  const prefix = groups.join(':');
  const host6 = (address: number): string => `${prefix}::${(address - subnet.base).toString(16)}`;
  return {
    subnet: formatSubnet(subnet),
    gateway: formatAddress(subnet.base + 1),
    subnet6: `${prefix}::/64`,
    gateway6: host6(subnet.base + 1),
    host6,
  };
}

/** The MAC address of the machine at this TAP, or of the bridge itself: locally administered (IEEE 802), the same at every start. */
export function tapMac(network: Pick<BridgeNetwork, 'name'>, tap: Pick<Tap, 'name'>): string {
  const id = createHash('sha256').update(`vmkit ${network.name} ${tap.name}`).digest('hex').slice(0, 10);
  return ['02', ...(id.match(/../g) ?? [])].join(':');
}

/** What a kernel gives itself at that MAC address (RFC 4291, appendix A: the modified EUI-64). */
export function linkLocal(mac: string): string {
  const [first = 0, ...rest] = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const bytes = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  const group = (at: number): string => ((bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)).toString(16);
  return `fe80::${[0, 2, 4, 6].map(group).join(':')}`;
}
