import { formatIpv6 } from '../../../core/addresses/ipv6.ts';

/** A packet that the kernel ended, and why, in its own words. */
export interface KernelWord {
  /** Without SKB_DROP_REASON_: `NETFILTER_DROP`, `IP_RPFILTER`, `NO_SOCKET`. */
  readonly reason: string;
  /** The kernel's function. */
  readonly where: string;
  /** The interface by which it came in; `-`: it was made here. */
  readonly link: string;
  readonly protocol: 'tcp' | 'udp';
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
}

const ETHERNET = 14;
const PROTOCOLS: Readonly<Record<number, KernelWord['protocol']>> = { 6: 'tcp', 17: 'udp' };

/** What the drop monitor printed (drop-monitor.ts), as far as the packets are of TCP or UDP; undefined: it did not listen. */
export function kernelWords(printed: string | undefined): KernelWord[] | undefined {
  if (printed === undefined || !printed.startsWith('on')) return undefined;
  return printed.split('\n').flatMap((line) => {
    const [, reason = '', where = '', link = '', hex = ''] = /^(\S+) (\S+) (\S+) ([0-9a-f]+)$/.exec(line) ?? [];
    const ends = endsOf(Buffer.from(hex, 'hex'));
    return ends === undefined ? [] : [{ reason, where, link, ...ends }];
  });
}

/** A packet begins with its link's header where there is one. */
function endsOf(bytes: Buffer): Omit<KernelWord, 'reason' | 'where' | 'link'> | undefined {
  for (const at of [ETHERNET, 0]) {
    const packet = bytes.subarray(at);
    // Behind a link's header: what that one says that follows.
    if (at > 0 && ![0x0800, 0x86dd].includes(bytes.length < at ? 0 : bytes.readUInt16BE(at - 2))) continue;
    const header = headerOf(packet);
    const protocol = header === undefined ? undefined : PROTOCOLS[header.protocol];
    if (header === undefined || protocol === undefined || packet.length < header.length + 4) continue;
    const { from, to, length } = header;
    const [fromPort, toPort] = [packet.readUInt16BE(length), packet.readUInt16BE(length + 2)];
    return { protocol, from, fromPort, to, toPort };
  }
  return undefined;
}

interface Header extends Pick<KernelWord, 'from' | 'to'> {
  readonly length: number;
  readonly protocol: number;
}

/** Of IPv4 (RFC 791) or IPv6 (RFC 8200); undefined: it is neither. */
function headerOf(packet: Buffer): Header | undefined {
  const [first = 0] = packet;
  const length = (first & 15) * 4;
  if (first >> 4 === 4 && length >= 20 && packet.length >= 20) {
    const text = (at: number): string => [...packet.subarray(at, at + 4)].join('.');
    return { from: text(12), to: text(16), length, protocol: packet.readUInt8(9) };
  }
  if (first >> 4 !== 6 || packet.length < 40) return undefined;
  const text = (at: number): string => formatIpv6(packet.subarray(at, at + 16));
  return { from: text(8), to: text(24), length: 40, protocol: packet.readUInt8(6) };
}
