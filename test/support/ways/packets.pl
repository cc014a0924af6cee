# Prints the IPv4 packets that a network namespace receives on all links but lo, one a line: link, source, destination, protocol, destination port, TTL, TOS.
# SIGTERM: prints what has come until then, and ends.
use strict;
use warnings;
use Socket;

$| = 1;
# packet(7): AF_PACKET, SOCK_DGRAM (no link header), ETH_P_IP
socket(my $socket, 17, SOCK_DGRAM, unpack('S', pack('n', 0x0800))) or die $!;
my $ends = 0;
$SIG{TERM} = sub { $ends = 1 };
print "ready\n";
while (1) {
  my $from = recv($socket, my $packet, 65536, $ends ? 0x40 : 0);
  if (!defined $from) { last if $ends; next }
  # struct sockaddr_ll: family, protocol, index, hatype, pkttype; 4 is what this namespace sent
  my (undef, undef, $index, undef, $type) = unpack('S n l S C', $from);
  next if $type == 4 || $index == 1;
  my ($first, $tos, $ttl, $protocol, $source, $destination) = unpack('C C x6 C C x2 a4 a4', $packet);
  my $port = unpack('n', substr($packet, ($first & 15) * 4 + 2, 2));
  print join(' ', $index, inet_ntoa($source), inet_ntoa($destination), $protocol, $port, $ttl, $tos), "\n";
}
