/** An instruction of the kernel's socket filter (linux/filter.h): operation, where to go on if it holds and if not, operand. Nowhere else: with the next one. */
interface Instruction {
  readonly label?: string;
  readonly code: number;
  readonly operand: number;
  readonly yes?: string;
  readonly no?: string;
}

const [LOAD_BYTE, LOAD_HALF_AT, LOAD_BYTE_AT, AND, IS_EQUAL, IS_ABOVE] = [0x30, 0x48, 0x50, 0x54, 0x15, 0x25];
const [SKIP_IPV4, SKIP, GIVE] = [0xb1, 0x01, 0x06];
const [TCP, UDP, ICMP, ICMP6, IPV6_HEADER] = [6, 17, 1, 58, 40];
/** Of ICMP, what says that a packet did not get on: unreachable, and time exceeded. Of ICMPv6 all below 128. */
const [UNREACHABLE, EXCEEDED, LAST_ERROR6] = [3, 11, 127];

/** Takes what is TCP or UDP with one of these ports, or says that a packet did not get on. */
export function packetFilter(ports: readonly number[]): (readonly [number, number, number, number])[] {
  const is = (operand: number, yes: string): Instruction => ({ code: IS_EQUAL, operand, yes });
  return assemble([
    { code: LOAD_BYTE, operand: 0 },
    { code: AND, operand: 0xf0 },
    is(0x40, 'ipv4'),
    { code: IS_EQUAL, operand: 0x60, no: 'drop' },
    { code: LOAD_BYTE, operand: 6 },
    { code: SKIP, operand: IPV6_HEADER },
    is(TCP, 'ports'),
    is(UDP, 'ports'),
    { code: IS_EQUAL, operand: ICMP6, no: 'drop' },
    { code: LOAD_BYTE_AT, operand: 0 },
    { code: IS_ABOVE, operand: LAST_ERROR6, yes: 'drop', no: 'take' },
    { label: 'ipv4', code: LOAD_BYTE, operand: 9 },
    { code: SKIP_IPV4, operand: 0 },
    is(TCP, 'ports'),
    is(UDP, 'ports'),
    { code: IS_EQUAL, operand: ICMP, no: 'drop' },
    { code: LOAD_BYTE_AT, operand: 0 },
    is(UNREACHABLE, 'take'),
    { code: IS_EQUAL, operand: EXCEEDED, yes: 'take', no: 'drop' },
    { label: 'ports', code: LOAD_HALF_AT, operand: 0 },
    ...ports.map((port) => is(port, 'take')),
    { code: LOAD_HALF_AT, operand: 2 },
    ...ports.map((port) => is(port, 'take')),
    { label: 'drop', code: GIVE, operand: 0 },
    { label: 'take', code: GIVE, operand: 128 },
  ]);
}

/** Jumps are counted from the next instruction. */
function assemble(program: readonly Instruction[]): (readonly [number, number, number, number])[] {
  return program.map(({ code, operand, yes, no }, at) => {
    const to = (label: string | undefined): number =>
      label === undefined ? 0 : program.findIndex((each) => each.label === label) - at - 1;
    return [code, to(yes), to(no), operand];
  });
}

/**
 * A program for Perl, of perl-base. It prints `on`, then each packet of TCP or UDP from or to these ports that an interface takes in or sends out (packet(7)): before
 * all filters, and behind all queues. And what ICMP says of such packets that did not get on.
 */
export function wireProgram(ports: readonly number[]): string {
  return `use Socket; $| = 1; $0 = "vmkit-wire";
my $chosen = pack "(SCCL)*", ${packetFilter(ports).flat().join(', ')};
my %ours = map { ($_, 1) } ${ports.join(', ')};
my %links = map { open my $file, "<", $_; my ($name) = m{net/(.*)/}; (0 + <$file>, $name) } glob "/sys/class/net/*/ifindex";
(socket(S, 17, 2, unpack "S", pack "n", 3) && setsockopt(S, 1, 26, pack "S x6 P", length($chosen) / 8, $chosen)) or print("off\\n"), exit;
print "on\\n";
sub header {
  my ($got) = @_; my $first = unpack "C", $got;
  return ((map { Socket::inet_ntop(10, substr $got, $_, 16) } 8, 24), 40, 40 + unpack("x4 n", $got), unpack "x6 C", $got) if $first >> 4 == 6;
  return ((map { inet_ntoa(substr $got, $_, 4) } 12, 16), 4 * ($first & 15), unpack "x2 n x5 C", $got)
}
for (my $lines = 0; $lines < 3000 && defined(my $by = recv S, my $got, 128, 0); $lines++) {
  my (undef, undef, $link, undef, $kind) = unpack "S n l S C", $by;
  my ($from, $to, $at, $length, $protocol) = header($got);
  my @where = ($kind == 4 ? "went" : $kind == 3 ? "passed" : "came", $links{$link} // "-");
  if ($protocol == 17) {
    my ($fromPort, $toPort, $size) = unpack "x$at n n n", $got;
    print join(" ", @where, $from, $fromPort, $to, $toPort, 0, 0, 0, $size - 8), "\\n";
    next;
  }
  if ($protocol != 6) {
    my ($type, $code, $mtu) = unpack "x$at C C x2 N", $got; my $inner = substr $got, $at + 8; length $inner > 24 or next;
    my ($askedFrom, $askedTo, $ports, undef, $of) = header($inner); ($of == 6 || $of == 17) && length $inner >= $ports + 4 or next;
    my ($fromPort, $toPort) = unpack "x$ports n n", $inner; $ours{$fromPort} || $ours{$toPort} or next;
    print join(" ", "told", @where, $from, $protocol, $type, $code, $mtu, $askedFrom, $fromPort, $askedTo, $toPort), "\\n";
    next;
  }
  my ($fromPort, $toPort, $seq, $ack, $offset, $flags) = unpack "x$at n n N N C C", $got;
  print join(" ", @where, $from, $fromPort, $to, $toPort, $flags, $seq, $ack, $length - $at - 4 * ($offset >> 4)), "\\n";
}
`;
}
