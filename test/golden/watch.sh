PATH='/usr/sbin:/usr/bin'
t=vmkit_follow_$$
d=$(mktemp -d) && mkfifo "$d/in" "$d/end" || exit 70
echo $$ >/run/vmkit/watched
trap 'exec 3>&-; kill $nft $monitor $kernel $wire 2>/dev/null; nft delete table inet $t 2>/dev/null; rm -rf "$d"' EXIT
trap 'exit 1' HUP INT TERM PIPE
counters() { (cd /proc/net && grep -Hs . snmp snmp6 netstat stat/nf_conntrack softnet_stat xfrm_stat
for family in ip ip6; do { read -r _ <${family}_tables_names && ${family}tables-legacy-save -c | sed "s/^/${family}_tables:/"; } 2>/dev/null; done); }
holders() {
  while read -r _ _ _ local _ by; do
    case ${local##*:} in 3000|8080) ;; *) continue ;; esac
    pid=${by#*pid=}; pid=${pid%%,*}
    read -r _ _ state _ </proc/$pid/stat || continue
    set -- /proc/$pid/fd/*; files=$#; may=0
    while read -r max open what soft _; do [ "$max $open $what" != "Max open files" ] || may=$soft; done </proc/$pid/limits
    echo "${local##*:} $pid $state $files $may"
  done
}
metrics() { timeout 3 tailscale metrics print 2>/dev/null | grep -E '^tailscaled_(in|out)bound_(dropped_)?packets_total'; }
cat >"$d/table" <<END
table inet $t {
  FLAGS
  set arrived { typeof iifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set arrived_taken { typeof iifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set arrived_data { typeof iifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set arrived6 { typeof iifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  set arrived6_taken { typeof iifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  set arrived6_data { typeof iifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  chain arrived_count {
    update @arrived { iifname . ip saddr . th sport . ip daddr . th dport counter }
    tcp flags & (syn | ack) == syn | ack update @arrived_taken { iifname . ip saddr . th sport . ip daddr . th dport counter }
    tcp flags & psh != 0 update @arrived_data { iifname . ip saddr . th sport . ip daddr . th dport counter }
    update @arrived6 { iifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
    tcp flags & (syn | ack) == syn | ack update @arrived6_taken { iifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
    tcp flags & psh != 0 update @arrived6_data { iifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
    limit rate 80/second meta nftrace set 1
  }
  chain arrived { type filter hook prerouting priority -2000000000; policy accept;
    meta l4proto { tcp, udp } th dport { 3000, 8080 } goto arrived_count
    meta l4proto { tcp, udp } th sport { 3000, 8080 } goto arrived_count
  }
  set delivered { typeof iifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set delivered_taken { typeof iifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set delivered_data { typeof iifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set delivered6 { typeof iifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  set delivered6_taken { typeof iifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  set delivered6_data { typeof iifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  chain delivered_count {
    update @delivered { iifname . ip saddr . th sport . ip daddr . th dport counter }
    tcp flags & (syn | ack) == syn | ack update @delivered_taken { iifname . ip saddr . th sport . ip daddr . th dport counter }
    tcp flags & psh != 0 update @delivered_data { iifname . ip saddr . th sport . ip daddr . th dport counter }
    update @delivered6 { iifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
    tcp flags & (syn | ack) == syn | ack update @delivered6_taken { iifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
    tcp flags & psh != 0 update @delivered6_data { iifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
  }
  chain delivered { type filter hook input priority 2000000000; policy accept;
    meta l4proto { tcp, udp } th dport { 3000, 8080 } goto delivered_count
    meta l4proto { tcp, udp } th sport { 3000, 8080 } goto delivered_count
  }
  set forwarded { typeof iifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set forwarded_taken { typeof iifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set forwarded_data { typeof iifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set forwarded6 { typeof iifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  set forwarded6_taken { typeof iifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  set forwarded6_data { typeof iifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  chain forwarded_count {
    update @forwarded { iifname . ip saddr . th sport . ip daddr . th dport counter }
    tcp flags & (syn | ack) == syn | ack update @forwarded_taken { iifname . ip saddr . th sport . ip daddr . th dport counter }
    tcp flags & psh != 0 update @forwarded_data { iifname . ip saddr . th sport . ip daddr . th dport counter }
    update @forwarded6 { iifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
    tcp flags & (syn | ack) == syn | ack update @forwarded6_taken { iifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
    tcp flags & psh != 0 update @forwarded6_data { iifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
  }
  chain forwarded { type filter hook forward priority 2000000000; policy accept;
    meta l4proto { tcp, udp } th dport { 3000, 8080 } goto forwarded_count
    meta l4proto { tcp, udp } th sport { 3000, 8080 } goto forwarded_count
  }
  set said { typeof oifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set said_taken { typeof oifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set said_data { typeof oifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set said6 { typeof oifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  set said6_taken { typeof oifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  set said6_data { typeof oifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  chain said_count {
    update @said { oifname . ip saddr . th sport . ip daddr . th dport counter }
    tcp flags & (syn | ack) == syn | ack update @said_taken { oifname . ip saddr . th sport . ip daddr . th dport counter }
    tcp flags & psh != 0 update @said_data { oifname . ip saddr . th sport . ip daddr . th dport counter }
    update @said6 { oifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
    tcp flags & (syn | ack) == syn | ack update @said6_taken { oifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
    tcp flags & psh != 0 update @said6_data { oifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
    limit rate 80/second meta nftrace set 1
  }
  chain said { type filter hook output priority -2000000000; policy accept;
    meta l4proto { tcp, udp } th dport { 3000, 8080 } goto said_count
    meta l4proto { tcp, udp } th sport { 3000, 8080 } goto said_count
  }
  set left { typeof oifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set left_taken { typeof oifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set left_data { typeof oifname . ip saddr . th sport . ip daddr . th dport; size 512; flags dynamic; }
  set left6 { typeof oifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  set left6_taken { typeof oifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  set left6_data { typeof oifname . ip6 saddr . th sport . ip6 daddr . th dport; size 512; flags dynamic; }
  chain left_count {
    update @left { oifname . ip saddr . th sport . ip daddr . th dport counter }
    tcp flags & (syn | ack) == syn | ack update @left_taken { oifname . ip saddr . th sport . ip daddr . th dport counter }
    tcp flags & psh != 0 update @left_data { oifname . ip saddr . th sport . ip daddr . th dport counter }
    update @left6 { oifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
    tcp flags & (syn | ack) == syn | ack update @left6_taken { oifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
    tcp flags & psh != 0 update @left6_data { oifname . ip6 saddr . th sport . ip6 daddr . th dport counter }
  }
  chain left { type filter hook postrouting priority 2000000000; policy accept;
    meta l4proto { tcp, udp } th dport { 3000, 8080 } goto left_count
    meta l4proto { tcp, udp } th sport { 3000, 8080 } goto left_count
  }
}
END
nft -i <"$d/in" >"$d/nft" 2>&1 & nft=$!
exec 3>"$d/in"
timeout 34 nft monitor trace 3>&- >"$d/trace" 2>/dev/null & monitor=$!
timeout 60 perl - 3>&- >"$d/kernel" 2>/dev/null <<'END' & kernel=$!
use Socket; $| = 1; $0 = "vmkit-drops";
sub off { print "off\n"; exit }
socket(S, 16, 3, 16) && bind(S, pack "SSLL", 16, 0, 0, 0) or off;
sub attr { my $text = pack("SS", 4 + length $_[1], $_[0]) . $_[1]; $text . "\0" x (-length($text) & 3) }
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
my %family = attrs(ask(16, 3, attr(2, "NET_DM\0")) // off);
my ($id, %groups) = (unpack("S", $family{1}), attrs($family{7}));
my ($group) = map { my %group = attrs($_); unpack "L", $group{2} } values %groups;
ask($id, 2, attr(1, pack "C", 1), attr(9, pack "L", 128));
$SIG{$_} = sub { exit } for qw(TERM INT HUP PIPE);
END { ask($id, 4, attr(20, "")) if $on }
$on = defined ask($id, 3, attr(20, ""));
setsockopt(S, 270, 1, pack "l", $group) or off;
my %links = map { open my $file, "<", $_; my ($name) = m{net/(.*)/}; (0 + <$file>, $name) } glob "/sys/class/net/*/ifindex";
print "on\n";
for (my $lines = 0; $lines < 1000 && defined recv S, my $got, 65536, 0;) {
  my ($type, $command) = unpack "x4 S x10 C", $got; next unless $type == $id && $command == 5;
  my %drop = attrs(substr $got, 20); my %in = attrs($drop{4} // ""); $lines++;
  my ($why, $where) = map { /([^\0+]+)/ ? $1 : "-" } $drop{23} // "", $drop{3} // "";
  printf "%s %s %s %s\n", $why, $where, $links{unpack "L", $in{0} // "\0" x 4} // "-", unpack "H*", $drop{7} // "";
}
END
command -v perl >/dev/null || echo off >"$d/kernel"
timeout 60 perl - 3>&- >"$d/wire" 2>/dev/null <<'END' & wire=$!
use Socket; $| = 1; $0 = "vmkit-wire";
my $chosen = pack "(SCCL)*", 48, 0, 0, 0, 84, 0, 0, 240, 21, 8, 0, 64, 21, 0, 21, 96, 48, 0, 0, 6, 1, 0, 0, 40, 21, 12, 0, 6, 21, 11, 0, 17, 21, 0, 16, 58, 80, 0, 0, 0, 37, 14, 15, 127, 48, 0, 0, 9, 177, 0, 0, 0, 21, 5, 0, 6, 21, 4, 0, 17, 21, 0, 9, 1, 80, 0, 0, 0, 21, 8, 0, 3, 21, 7, 6, 11, 72, 0, 0, 0, 21, 5, 0, 3000, 21, 4, 0, 8080, 72, 0, 0, 2, 21, 2, 0, 3000, 21, 1, 0, 8080, 6, 0, 0, 0, 6, 0, 0, 128;
my %ours = map { ($_, 1) } 3000, 8080;
my %links = map { open my $file, "<", $_; my ($name) = m{net/(.*)/}; (0 + <$file>, $name) } glob "/sys/class/net/*/ifindex";
(socket(S, 17, 2, unpack "S", pack "n", 3) && setsockopt(S, 1, 26, pack "S x6 P", length($chosen) / 8, $chosen)) or print("off\n"), exit;
print "on\n";
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
    print join(" ", @where, $from, $fromPort, $to, $toPort, 0, 0, 0, $size - 8), "\n";
    next;
  }
  if ($protocol != 6) {
    my ($type, $code, $mtu) = unpack "x$at C C x2 N", $got; my $inner = substr $got, $at + 8; length $inner > 24 or next;
    my ($askedFrom, $askedTo, $ports, undef, $of) = header($inner); ($of == 6 || $of == 17) && length $inner >= $ports + 4 or next;
    my ($fromPort, $toPort) = unpack "x$ports n n", $inner; $ours{$fromPort} || $ours{$toPort} or next;
    print join(" ", "told", @where, $from, $protocol, $type, $code, $mtu, $askedFrom, $fromPort, $askedTo, $toPort), "\n";
    next;
  }
  my ($fromPort, $toPort, $seq, $ack, $offset, $flags) = unpack "x$at n n N N C C", $got;
  print join(" ", @where, $from, $fromPort, $to, $toPort, $flags, $seq, $ack, $length - $at - 4 * ($offset >> 4)), "\n";
}
END
command -v perl >/dev/null || echo off >"$d/wire"
metrics >"$d/metrics-before" 3>&- & before=$!
daemon() {
  pid=$(s6-svstat -o pid /run/service/tailscale) && [ "$pid" -gt 0 ] || return 1
  read -r _ _ state _ _ _ _ _ _ _ _ _ _ user system _ </proc/$pid/stat || return 1
  used=$((user + system)); echo "state $state"
  { IFS=: read -r _ _ group </proc/$pid/cgroup && read -r frozen </sys/fs/cgroup$group/cgroup.freeze && echo "frozen $frozen"; } || true
} 2>/dev/null
daemon >"$d/daemon"; began=$used
counters >"$d/counters-before"
sed 's/FLAGS/flags owner;/' "$d/table" >"$d/owned"
sed 's/FLAGS//' "$d/table" >"$d/plain"
build() { printf 'include "%s"\nlist chains inet\n' "$1" >&3; }
build "$d/owned"
n=0
until { grep -q 'chain left' "$d/nft" && [ -s "$d/kernel" ] && [ -s "$d/wire" ]; } || [ $n = 40 ]; do
  n=$((n + 1)); sleep 0.1 3>&-
  [ $n = 30 ] && build "$d/plain"
done
grep -q 'chain left' "$d/nft" || exit 1
wait $before
echo "==> watching in $d <=="
timeout 4 cat "$d/end" 3>&-
# What was seen at the last is still being written.
sleep 0.3 3>&- & rest=$!
# Who did not answer before is not waited for again.
{ [ ! -s "$d/metrics-before" ] || metrics >"$d/metrics"; } 3>&- & asked=$!
ss -Hltnp 3>&- >"$d/sockets"
holders <"$d/sockets" >"$d/holders" 2>/dev/null
wait $rest
# What came after the chains were read would be seen by the interface alone.
kill $wire 2>/dev/null
counters >"$d/counters"
nft -j list table inet $t 3>&- >"$d/flows" 2>&1
wait $asked
{ daemon && [ ! -s "$d/metrics" ] && echo "used $(((used - began) * 10)) ms"; } >"$d/daemon"
if [ "$(grep acl "$d/metrics-before")" != "$(grep acl "$d/metrics")" ]; then { timeout 4 tailscale debug prefs | grep ShieldsUp; timeout 4 tailscale debug netmap | sed -n '/^\t"PacketFilterRules"/,/^\t[]]/p'; } >"$d/filter" 2>&1 3>&-; fi
cd "$d"
set --
for file in counters-before metrics-before counters metrics flows trace nft sockets holders filter kernel wire daemon; do
  [ ! -s "$file" ] || set -- "$@" "$file"
done
printf '\n'
head -v -c 300000 "$@"
