import { expandIpv6, isIpv6, linkLocal } from '../../core/addresses/ipv6.ts';

/** A machine on a private network, and the only addresses that it may send from. */
export interface Member {
  readonly name: string;
  /** Lower-case, with colons. */
  readonly mac: string;
  /** IPv4 addresses, and IPv6 addresses as RFC 5952 writes them. */
  readonly addresses: readonly string[];
}

/** Why a frame goes nowhere. */
export type DropReason = 'too-short' | 'foreign-mac' | 'foreign-address' | 'unknown-protocol' | 'nobody';

export type Forwarding =
  | { readonly to: readonly Member[]; readonly reason?: undefined }
  | { readonly to: readonly []; readonly reason: DropReason };

const HEADER_BYTES = 14;
const IPV4 = 0x0800;
const ARP = 0x0806;
const IPV6 = 0x86dd;

/**
 * Where an Ethernet frame (IEEE 802.3, without its check sequence) from a member goes. Nothing is learned: the definitions say who is where. A frame
 * whose MAC, IPv4, IPv6 or ARP sender is not the member's own is dropped, and so is every protocol but these three.
 */
export function forwardFrame(frame: Uint8Array, from: Member, members: readonly Member[]): Forwarding {
  if (frame.length < HEADER_BYTES) return drop('too-short');
  if (macAt(frame, 6) !== from.mac) return drop('foreign-mac');
  const refusal = senderRefusal(frame, from);
  if (refusal !== undefined) return drop(refusal);
  const others = members.filter(({ name }) => name !== from.name);
  // The lowest bit of the first byte: broadcast or multicast.
  const isGroup = ((frame[0] ?? 0) & 1) === 1;
  const to = isGroup ? others : others.filter(({ mac }) => mac === macAt(frame, 0));
  return to.length === 0 ? drop('nobody') : { to };
}

function senderRefusal(frame: Uint8Array, { mac, addresses }: Member): DropReason | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  switch (view.getUint16(12)) {
    case IPV4:
      // RFC 791: the source address is at 12.
      if (frame.length < HEADER_BYTES + 20) return 'too-short';
      return addresses.includes(ipv4At(frame, HEADER_BYTES + 12)) ? undefined : 'foreign-address';
    case ARP: {
      // RFC 826 for Ethernet and IPv4: the sender's MAC is at 8, its address at 14; 0.0.0.0 is a probe (RFC 5227).
      if (frame.length < HEADER_BYTES + 28) return 'too-short';
      if (macAt(frame, HEADER_BYTES + 8) !== mac) return 'foreign-mac';
      const sender = ipv4At(frame, HEADER_BYTES + 14);
      return sender === '0.0.0.0' || addresses.includes(sender) ? undefined : 'foreign-address';
    }
    case IPV6: {
      // RFC 8200: the source address is at 8; `::` is duplicate address detection (RFC 4862).
      if (frame.length < HEADER_BYTES + 40) return 'too-short';
      const sender = ipv6At(frame, HEADER_BYTES + 8);
      const own = [...addresses.filter(isIpv6), linkLocal(mac), '::'].map(expandIpv6);
      return own.includes(expandIpv6(sender)) ? undefined : 'foreign-address';
    }
    default:
      return 'unknown-protocol';
  }
}

function drop(reason: DropReason): Forwarding {
  return { to: [], reason };
}

function macAt(frame: Uint8Array, offset: number): string {
  return [...frame.subarray(offset, offset + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function ipv4At(frame: Uint8Array, offset: number): string {
  return frame.subarray(offset, offset + 4).join('.');
}

function ipv6At(frame: Uint8Array, offset: number): string {
  const hex = Buffer.from(frame.subarray(offset, offset + 16)).toString('hex');
  return (hex.match(/.{4}/g) ?? []).join(':');
}
