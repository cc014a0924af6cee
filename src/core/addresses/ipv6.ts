import { sha256 } from '../digest.ts';
import { formatSubnet, type Subnet } from './ipv4.ts';

/**
 * The first half of a /64 of RFC 4193, as RFC 5952 writes it: `fd12:3456:789a`. Its 40 bits are made from a name and an IPv4 subnet, so that one network has
 * the same at every start and on every host.
 */
export function uniqueLocalPrefix(name: string, subnet: Subnet): string {
  const id = sha256(`vmkit ${name} ${formatSubnet(subnet)}`);
  return [`fd${id.slice(0, 2)}`, id.slice(2, 6), id.slice(6, 10)]
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}

/** The address of RFC 4193 that goes with an IPv4 address of this network: its number there is the last part. */
export function uniqueLocalAddress(name: string, subnet: Subnet, address: number): string {
  return `${uniqueLocalPrefix(name, subnet)}::${(address - subnet.base).toString(16)}`;
}

/** The address that Linux gives itself at a MAC by default (RFC 4291, appendix A: modified EUI-64), as the tools print it. */
export function linkLocal(mac: string): string {
  const [first = 0, ...rest] = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const bytes = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  const group = (at: number): string => ((bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)).toString(16);
  return `fe80::${[0, 2, 4, 6].map(group).join(':')}`;
}

/** Eight groups of four digits, so that two spellings of one address are equal. */
export function expandIpv6(address: string): string {
  const [head = '', tail] = address.toLowerCase().split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
    .map((group) => group.padStart(4, '0'))
    .join(':');
}

/** 16 bytes as RFC 5952 writes them: `fd7a:115c:a1e0::1`. */
export function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((bytes[2 * at] ?? 0) * 256 + (bytes[2 * at + 1] ?? 0)).toString(16),
  );
  // A URL's host is written so (URL standard, IPv6 serializer).
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/** Of an address, which is of either family. */
export function isIpv6(address: string): boolean {
  return address.includes(':');
}
