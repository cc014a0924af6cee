import { parseAddress } from '../../core/addresses/ipv4.ts';
import type { Endpoint } from '../endpoint.ts';

/** The flags of TCP (RFC 9293, section 3.1). */
export const TCP = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

export interface Segment {
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly data: Buffer;
}

const IP_BYTES = 20;
const TCP_BYTES = 20;
const WINDOW = 65_535;

/** An IPv4 packet (RFC 791) with a TCP segment (RFC 9293). A SYN says how long a segment may be: `mtu` less both headers. */
export function encodeSegment(from: Endpoint, to: Endpoint, segment: Segment, mtu: number): Buffer {
  const isSyn = (segment.flags & TCP.syn) !== 0;
  const options = isSyn
    ? Buffer.from([2, 4, (mtu - IP_BYTES - TCP_BYTES) >> 8, (mtu - IP_BYTES - TCP_BYTES) & 255])
    : Buffer.alloc(0);
  const tcp = Buffer.alloc(TCP_BYTES);
  tcp.writeUInt16BE(from.port, 0);
  tcp.writeUInt16BE(to.port, 2);
  tcp.writeUInt32BE(segment.sequence, 4);
  tcp.writeUInt32BE(segment.acknowledgement, 8);
  tcp.writeUInt8(((TCP_BYTES + options.length) / 4) << 4, 12);
  tcp.writeUInt8(segment.flags, 13);
  tcp.writeUInt16BE(WINDOW, 14);
  const payload = Buffer.concat([tcp, options, segment.data]);

  const ip = Buffer.alloc(IP_BYTES);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(IP_BYTES + payload.length, 2);
  ip.writeUInt8(64, 8);
  ip.writeUInt8(6, 9);
  ip.writeUInt32BE(parseAddress(from.address) ?? 0, 12);
  ip.writeUInt32BE(parseAddress(to.address) ?? 0, 16);
  ip.writeUInt16BE(checksum(ip), 10);
  const pseudo = Buffer.concat([ip.subarray(12, 20), Buffer.from([0, 6, payload.length >> 8, payload.length & 255])]);
  payload.writeUInt16BE(checksum(Buffer.concat([pseudo, payload])), 16);
  return Buffer.concat([ip, payload]);
}

/** The segment of this connection in an IPv4 packet; undefined for everything else. Its integrity is the tunnel's business. */
export function decodeSegment(packet: Buffer, from: Endpoint, to: Endpoint): Segment | undefined {
  if (packet.length < IP_BYTES + TCP_BYTES || packet.readUInt8(0) >> 4 !== 4 || packet[9] !== 6) return undefined;
  const tcpAt = (packet.readUInt8(0) & 15) * 4;
  const end = packet.readUInt16BE(2);
  if (end > packet.length || tcpAt + TCP_BYTES > end) return undefined;
  const tcp = packet.subarray(tcpAt, end);
  const addresses = [packet.readUInt32BE(12), packet.readUInt32BE(16), tcp.readUInt16BE(0), tcp.readUInt16BE(2)];
  const wanted = [parseAddress(from.address), parseAddress(to.address), from.port, to.port];
  if (addresses.some((each, at) => each !== wanted[at])) return undefined;
  return {
    flags: tcp.readUInt8(13),
    sequence: tcp.readUInt32BE(4),
    acknowledgement: tcp.readUInt32BE(8),
    data: tcp.subarray((tcp.readUInt8(12) >> 4) * 4),
  };
}

/** The Internet checksum (RFC 1071). */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
