import { BlockList } from 'node:net';
import { USER_NETWORK } from '../../spec/networks/user-network.ts';
import { type AddressLists, type AddressTables, addOwnAddresses } from './own-addresses.ts';

/** What a guest with the world `internet` never dials, whatever this host's addresses are. */
const CLOSED_4 = [
  // RFC 6890: this host, loopback, link-local; multicast and broadcast, which no router passes on.
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // Metadata services of clouds (Azure, Alibaba, Oracle) that are not link-local: they take the machine for its host.
  ['168.63.129.16', 32],
  ['100.100.100.200', 32],
  ['192.0.0.0', 24],
] as const;
const CLOSED_6 = [
  // RFC 4291: `::`, loopback, IPv4 in IPv6; link-local, site-local (the user network itself), multicast.
  ['::', 8],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  // RFC 3056: an IPv4 address inside.
  ['2002::', 16],
  // Metadata services of AWS and Google.
  ['fd00:ec2::', 32],
  ['fd20:ce::', 32],
] as const;
/** RFC 6052: the last four bytes are an IPv4 address, and the network's NAT64 dials that. */
const NAT64 = Buffer.from('0064ff9b0000000000000000', 'hex');

/** Says of an address, 4 or 16 bytes, whether it is closed. */
export type IsClosed = (address: Buffer) => boolean;

/** Pure: what is closed with these addresses of this host, and what it reaches through `bridge`. Each address is looked up once. */
export function closedAddresses(tables: AddressTables, bridge: string): IsClosed {
  const lists: AddressLists = { ipv4: new BlockList(), ipv6: new BlockList() };
  const [own = '', ownBits] = USER_NETWORK.subnet.split('/');
  lists.ipv4.addSubnet(own, Number(ownBits));
  for (const [base, bits] of CLOSED_4) lists.ipv4.addSubnet(base, bits);
  for (const [base, bits] of CLOSED_6) lists.ipv6.addSubnet(base, bits, 'ipv6');
  addOwnAddresses(tables, bridge, lists);
  const known = new Map<string, boolean>();
  return (address) => {
    const key = address.toString('latin1');
    const verdict = known.get(key) ?? isClosed(address, lists);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(key, verdict);
    return verdict;
  };
}

const MOST_KNOWN = 4096;

function isClosed(address: Buffer, lists: AddressLists): boolean {
  if (address.length === 4) return lists.ipv4.check(address.join('.'));
  if (address.subarray(0, 12).equals(NAT64)) return isClosed(address.subarray(12), lists);
  return lists.ipv6.check((address.toString('hex').match(/.{4}/g) ?? []).join(':'), 'ipv6');
}
