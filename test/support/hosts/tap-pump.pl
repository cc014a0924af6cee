# Holds one TAP and passes its frames to another process that holds one, in another network namespace, over datagram sockets.
# perl tap-pump.pl TAP OWN-SOCKET PEER-SOCKET. Says "ready" when the TAP is open; ends with its standard input.
use strict;
use warnings;
use Socket;
my ($name, $own, $peer) = @ARGV;
open(my $tap, '+<:raw', '/dev/net/tun') or die "tun: $!";
# TUNSETIFF with IFF_TAP | IFF_NO_PI, linux/if_tun.h.
ioctl($tap, 0x400454ca, pack('a16 S x22', $name, 0x1002)) or die "TUNSETIFF: $!";
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
bind($socket, pack_sockaddr_un($own)) or die "bind: $!";
$| = 1;
print "ready\n";
my $wanted = '';
vec($wanted, fileno($_), 1) = 1 for $tap, $socket, \*STDIN;
while (select(my $ready = $wanted, undef, undef, undef) > 0) {
  if (vec($ready, fileno($tap), 1)) {
    sysread($tap, my $frame, 65536);
    # A peer that is not there yet loses frames, as a cable would.
    send($socket, $frame, 0, pack_sockaddr_un($peer)) if length($frame // '');
  }
  if (vec($ready, fileno($socket), 1)) {
    recv($socket, my $frame, 65536, 0);
    syswrite($tap, $frame);
  }
  last if vec($ready, fileno(STDIN), 1) && !sysread(STDIN, my $rest, 1);
}
