/**
 * Listens to the kernel's drop monitor (net/core/drop_monitor.c) until it is ended, and prints `on`, or `off` where there is none, then a line for each packet that
 * the kernel ended: why (SKB_DROP_REASON), in which function, the interface that it came in by, and its first bytes in hexadecimal. Perl, of perl-base, which
 * every Debian has. It is the one way that names the packet too, and that a locked-down kernel leaves open. What it switched on it switches off.
 */
export const DROP_MONITOR = `use Socket; $| = 1; $0 = "vmkit-drops";
sub off { print "off\\n"; exit }
socket(S, 16, 3, 16) && bind(S, pack "SSLL", 16, 0, 0, 0) or off;
sub attr { my $text = pack("SS", 4 + length $_[1], $_[0]) . $_[1]; $text . "\\0" x (-length($text) & 3) }
sub attrs {
  my ($bytes) = @_; my %found;
  while (length $bytes >= 4) {
    my ($length, $type) = unpack "SS", $bytes; last if $length < 4;
    $found{$type & 0x3fff} = substr $bytes, 4, $length - 4;
    $bytes = length $bytes > $length ? substr $bytes, ($length + 3) & ~3 : "";
  }
  %found
}
sub ask {
  my ($family, $command, @attrs) = @_; my $body = pack("CCS", $command, 1, 0) . join "", @attrs;
  send S, pack("LSSLL", 16 + length $body, $family, 5, 1, 0) . $body, 0;
  my $answer = "";
  for (;;) {
    defined recv S, my $got, 65536, 0 or return;
    my (undef, $type) = unpack "LS", $got;
    return unpack("x16 l", $got) == 0 ? $answer : undef if $type == 2;
    $answer = substr $got, 20 if $command == 3 && $family == 16;
  }
}
my %family = attrs(ask(16, 3, attr(2, "NET_DM\\0")) // off);
my ($id, %groups) = (unpack("S", $family{1}), attrs($family{7}));
my ($group) = map { my %group = attrs($_); unpack "L", $group{2} } values %groups;
ask($id, 2, attr(1, pack "C", 1), attr(9, pack "L", 128));
$SIG{$_} = sub { exit } for qw(TERM INT HUP PIPE);
END { ask($id, 4, attr(20, "")) if $on }
$on = defined ask($id, 3, attr(20, ""));
setsockopt(S, 270, 1, pack "l", $group) or off;
my %links = map { open my $file, "<", $_; my ($name) = m{net/(.*)/}; (0 + <$file>, $name) } glob "/sys/class/net/*/ifindex";
print "on\\n";
for (my $lines = 0; $lines < 1000 && defined recv S, my $got, 65536, 0;) {
  my ($type, $command) = unpack "x4 S x10 C", $got; next unless $type == $id && $command == 5;
  my %drop = attrs(substr $got, 20); my %in = attrs($drop{4} // ""); $lines++;
  my ($why, $where) = map { /([^\\0+]+)/ ? $1 : "-" } $drop{23} // "", $drop{3} // "";
  printf "%s %s %s %s\\n", $why, $where, $links{unpack "L", $in{0} // "\\0" x 4} // "-", unpack "H*", $drop{7} // "";
}
`;
