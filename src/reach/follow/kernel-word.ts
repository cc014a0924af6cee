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

/** What the drop monitor printed (drop-monitor.ts), as far as the packets are of TCP or UDP over IPv4; undefined: it did not listen. */
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
  const at = [0, ETHERNET].find((each) => {
    const [first = 0, length] = [bytes[each], bytes.length - each];
    return first >> 4 === 4 && (first & 15) >= 5 && length >= (first & 15) * 4 + 4;
  });
  if (at === undefined) return undefined;
  const protocol = PROTOCOLS[bytes.readUInt8(at + 9)];
  const ports = at + (bytes.readUInt8(at) & 15) * 4;
  const address = (from: number): string => [...bytes.subarray(from, from + 4)].join('.');
  if (protocol === undefined) return undefined;
  return {
    protocol,
    ...{ from: address(at + 12), fromPort: bytes.readUInt16BE(ports) },
    ...{ to: address(at + 16), toPort: bytes.readUInt16BE(ports + 2) },
  };
}
