import type { Sighting } from './sighting.ts';

/** One packet that an interface of a machine took in (`came`) or sent out (`went`). */
export interface WirePacket {
  readonly hook: 'came' | 'went';
  readonly link: string;
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  /** Bytes of the connection itself. */
  readonly length: number;
}

/**
 * A program for Perl, of perl-base. It prints `on`, then each packet of TCP over IPv4 from or to these ports that an interface takes in or sends out (packet(7)): before
 * all filters, and behind all queues.
 */
export function wireProgram(ports: readonly number[]): string {
  return `use Socket; $| = 1; $0 = "vmkit-wire";
my $chosen = pack "(SCCL)*", ${packetFilter(ports).flat().join(', ')};
my %links = map { open my $file, "<", $_; my ($name) = m{net/(.*)/}; (0 + <$file>, $name) } glob "/sys/class/net/*/ifindex";
(socket(S, 17, 2, unpack "S", pack "n", 3) && setsockopt(S, 1, 26, pack "S x6 P", length($chosen) / 8, $chosen)) or print("off\\n"), exit;
print "on\\n";
for (my $lines = 0; $lines < 3000 && defined(my $by = recv S, my $got, 128, 0); $lines++) {
  my (undef, undef, $link, undef, $kind) = unpack "S n l S C", $by;
  my ($first, $length) = unpack "C x n", $got; my $at = 4 * ($first & 15);
  my ($fromPort, $toPort, $seq, $ack, $offset, $flags) = unpack "x$at n n N N C C", $got;
  print join(" ", $kind == 4 ? "went" : "came", $links{$link} // "-", inet_ntoa(substr $got, 12, 4), $fromPort, inet_ntoa(substr $got, 16, 4), $toPort,
    $flags, $seq, $ack, $length - $at - 4 * ($offset >> 4)), "\\n";
}
`;
}

/** Instructions of the kernel's socket filter (linux/filter.h) that take what is TCP over IPv4 and has one of these ports: operation, jump if true, jump if false, operand. */
function packetFilter(ports: readonly number[]): (readonly [number, number, number, number])[] {
  const [loadByte, and, isEqual, loadHeader, loadHalf, give] = [0x30, 0x54, 0x15, 0xb1, 0x48, 0x06];
  const count = ports.length;
  return [
    [loadByte, 0, 0, 0],
    [and, 0, 0, 0xf0],
    [isEqual, 0, 5 + 2 * count, 0x40],
    [loadByte, 0, 0, 9],
    [isEqual, 0, 3 + 2 * count, 6],
    [loadHeader, 0, 0, 0],
    [loadHalf, 0, 0, 0],
    ...ports.map((port, at) => [isEqual, 1 + 2 * count - at, 0, port] as const),
    [loadHalf, 0, 0, 2],
    ...ports.map((port, at) => [isEqual, count - at, 0, port] as const),
    [give, 0, 0, 0],
    [give, 0, 0, 128],
  ];
}

/** What such a program printed; undefined: it could not listen. */
export function wirePackets(printed: string | undefined): WirePacket[] | undefined {
  if (printed === undefined || !printed.startsWith('on')) return undefined;
  return printed.split('\n').flatMap((line) => {
    const [hook, link = '', from = '', fromPort, to = '', toPort, ...rest] = line.split(' ');
    const [flags, seq, ack, length] = rest.map(Number);
    if ((hook !== 'came' && hook !== 'went') || length === undefined) return [];
    const ports = { fromPort: Number(fromPort), toPort: Number(toPort) };
    return [{ hook, link, from, to, ...ports, flags: flags ?? 0, seq: seq ?? 0, ack: ack ?? 0, length }];
  });
}

const [FIN, SYN, RST, ACK] = [0x01, 0x02, 0x04, 0x10];

/** The same as sightings at `arrived` and `left`. */
export function wireSightings(packets: readonly WirePacket[]): Sighting[] {
  const found = new Map<string, Sighting>();
  for (const { hook, flags, seq: _, ack: __, length, ...ends } of packets) {
    const kinds: Sighting['kind'][] = ['any'];
    if ((flags & (SYN | ACK)) === (SYN | ACK)) kinds.push('taken');
    if (length > 0) kinds.push('data');
    for (const kind of kinds) {
      const key = [hook, kind, ...Object.values(ends)].join(' ');
      const count = (found.get(key)?.packets ?? 0) + 1;
      found.set(key, { hook: hook === 'came' ? 'arrived' : 'left', kind, ...ends, packets: count });
    }
  }
  return [...found.values()];
}

/** What one end of a connection said on this machine's interface, from its first packet. */
export interface Stream extends Pick<WirePacket, 'link' | 'from' | 'fromPort' | 'to' | 'toPort'> {
  /** Bytes, each counted once however often it was sent. */
  readonly said: number;
  /** As many of them as the other end says that it has. */
  readonly acknowledged: number;
  /** It said that nothing more follows. */
  readonly isEnded: boolean;
}

/** Of connections whose beginning was seen. */
export function streamsOf(packets: readonly WirePacket[]): Stream[] {
  const begun = packets.filter(({ hook, flags }) => hook === 'went' && (flags & SYN) !== 0);
  return begun.flatMap((first, at) => {
    const isOwn = ({ link, from, fromPort, to, toPort }: WirePacket): boolean =>
      link === first.link &&
      from === first.from &&
      fromPort === first.fromPort &&
      to === first.to &&
      toPort === first.toPort;
    if (begun.findIndex(isOwn) !== at) return [];
    const isOther = ({ link, from, fromPort, to, toPort }: WirePacket): boolean =>
      isOwn({ ...first, link, from: to, fromPort: toPort, to: from, toPort: fromPort });
    const own = packets.filter((each) => each.hook === 'went' && isOwn(each));
    const other = packets.filter((each) => each.hook === 'came' && isOther(each) && (each.flags & ACK) !== 0);
    // Numbers are modulo 2^32; the beginning takes one.
    const since = (number: number): number => (number - first.seq - 1) >>> 0;
    const said = Math.max(0, ...own.filter(({ length }) => length > 0).map(({ seq, length }) => since(seq + length)));
    const heard = Math.max(0, ...other.map(({ ack }) => since(ack)).filter((each) => each < 2 ** 31));
    const { link, from, fromPort, to, toPort } = first;
    const isEnded = own.some(({ flags }) => (flags & (FIN | RST)) !== 0);
    return [{ ...{ link, from, fromPort, to, toPort }, said, acknowledged: Math.min(said, heard), isEnded }];
  });
}
