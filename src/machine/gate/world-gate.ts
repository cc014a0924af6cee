import { expandIpv6 } from '../../core/addresses/ipv6.ts';
import { USER_NETWORK } from '../../spec/networks/user-network.ts';
import type { IsClosed } from './closed-addresses.ts';

/** Which frames pass between a guest and QEMU's user network (libslirp), which dials as this host itself. */
export interface WorldGate {
  /** Whether a frame of the guest's goes on. */
  readonly leaves: (frame: Buffer) => boolean;
  /** Takes note of what a frame for the guest lets it answer. All of them pass. */
  readonly enters: (frame: Buffer) => void;
}

export interface GateRules {
  readonly isClosed: IsClosed;
  /** TCP ports of the host's loopback that are open all the same. */
  readonly hostAccess: readonly number[];
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

const HEADER = 14;
const IPV4 = 0x0800;
const ARP = 0x0806;
const IPV6 = 0x86dd;
const TCP = 6;
const UDP = 17;
const ICMP_6 = 58;
const GUEST = bytes4(USER_NETWORK.address);
const GATEWAY = bytes4(USER_NETWORK.gateway);
const NAME_SERVER = bytes4(USER_NETWORK.dns);
const GUEST_6 = Buffer.from(expandIpv6(USER_NETWORK.address6).replaceAll(':', ''), 'hex');
/** A little longer than libslirp remembers a datagram (SO_EXPIRE in udp.h: 240 s). */
const ANSWER_MS = 300_000;
const MOST_ANSWERS = 1024;

/**
 * The guest dials what is not closed, and its name server's port 53. To the gateway, which stands for this host's loopback, go answers: TCP that opens no
 * connection, UDP to where a datagram came from. Nothing in a frame is believed but what libslirp itself goes by. Pieces of packets stay: of most it is not
 * known which port they are for, and two that belong to no packet ended QEMU 7.2 (libslirp 4.7, ip_reass).
 */
export function worldGate({ isClosed, hostAccess, now }: GateRules): WorldGate {
  /** Who sent the guest UDP from a closed address: address, port, and the guest's port → when. */
  const asked = new Map<string, number>();

  const leavesByIpv4 = (frame: Buffer): boolean => {
    const packet = ipv4Packet(frame);
    if (packet === undefined || !packet.source.equals(GUEST)) return false;
    const { protocol, target, ports } = packet;
    if (!isClosed(target)) return true;
    // A ping, or something unknown.
    if (ports === undefined) return false;
    if (target.equals(NAME_SERVER)) return ports.target === 53;
    if (protocol === UDP)
      return now() - (asked.get(askKey(target, ports.target, ports.source)) ?? -Infinity) < ANSWER_MS;
    return target.equals(GATEWAY) && (!ports.isOpening || hostAccess.includes(ports.target));
  };

  const leavesByIpv6 = (frame: Buffer): boolean => {
    if (frame.length < HEADER + 41) return false;
    const target = frame.subarray(HEADER + 24, HEADER + 40);
    const type = frame.readUInt8(HEADER + 40);
    // RFC 4861: neighbours and routers are asked for by every address; libslirp answers and dials nobody.
    if (frame.readUInt8(HEADER + 6) === ICMP_6 && type >= 133 && type <= 136) return true;
    return frame.subarray(HEADER + 8, HEADER + 24).equals(GUEST_6) && !isClosed(target);
  };

  return {
    leaves: (frame) => {
      if (frame.length < HEADER) return false;
      const type = frame.readUInt16BE(12);
      if (type === ARP) return true;
      if (type === IPV4) return leavesByIpv4(frame);
      return type === IPV6 && leavesByIpv6(frame);
    },
    enters: (frame) => {
      if (frame.length < HEADER || frame.readUInt16BE(12) !== IPV4) return;
      const packet = ipv4Packet(frame);
      if (packet?.protocol !== UDP || packet.ports === undefined || !isClosed(packet.source)) return;
      const key = askKey(packet.source, packet.ports.source, packet.ports.target);
      // Deleted first, so that the oldest is the first of the map.
      asked.delete(key);
      asked.set(key, now());
      const [oldest] = asked.keys();
      if (asked.size > MOST_ANSWERS && oldest !== undefined) asked.delete(oldest);
    },
  };
}

interface Ipv4Packet {
  readonly protocol: number;
  readonly source: Buffer;
  readonly target: Buffer;
  /** Of TCP and UDP. */
  readonly ports: { readonly source: number; readonly target: number; readonly isOpening: boolean } | undefined;
}

/** A whole packet (RFC 791, RFC 9293): libslirp opens a connection by SYN without ACK alone (tcp_input.c). */
function ipv4Packet(frame: Buffer): Ipv4Packet | undefined {
  if (frame.length < HEADER + 20) return undefined;
  const first = frame.readUInt8(HEADER);
  const at = HEADER + (first % 16) * 4;
  const isPiece = (frame.readUInt16BE(HEADER + 6) & 0x3fff) !== 0;
  if (first >> 4 !== 4 || at < HEADER + 20 || isPiece) return undefined;
  const protocol = frame.readUInt8(HEADER + 9);
  const hasPorts = protocol === TCP ? frame.length >= at + 20 : protocol === UDP && frame.length >= at + 8;
  return {
    protocol,
    source: frame.subarray(HEADER + 12, HEADER + 16),
    target: frame.subarray(HEADER + 16, HEADER + 20),
    ports: hasPorts
      ? {
          source: frame.readUInt16BE(at),
          target: frame.readUInt16BE(at + 2),
          isOpening: protocol === TCP && (frame.readUInt8(at + 13) & 0x12) === 0x02,
        }
      : undefined,
  };
}

function askKey(address: Buffer, port: number, guestPort: number): string {
  return `${address.toString('hex')}:${port}:${guestPort}`;
}

function bytes4(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}
