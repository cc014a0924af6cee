# Sends from a guest's eth0 what a guest's root can send: to each address of the arguments, TCP and UDP for a port, in every dress that might pass a guard.
# attack.pl PORT pieces|whole ADDRESS...
use strict;
use warnings;
use Socket qw(inet_pton AF_INET AF_INET6);

my ($port, $dress, @targets) = @ARGV;
my $index = do { open my $file, '<', '/sys/class/net/eth0/ifindex' or die; <$file> + 0 };
# AF_PACKET, SOCK_RAW, ETH_P_ALL: packet(7).
socket(my $wire, 17, 3, 0) or die "socket: $!";
my $place = pack('S n i S C C a8', 17, 3, $index, 0, 0, 6, '');
my $next = 20_000;

sub sum {
    my ($bytes) = @_;
    $bytes .= "\0" if length($bytes) % 2;
    my $sum = 0;
    $sum += $_ for unpack('n*', $bytes);
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}

sub tcp {
    my ($pseudo, $flags) = @_;
    my $segment = pack('n n N N n n n n', $next++, $port, 1, 0, 5 << 12 | $flags, 65535, 0, 0);
    substr($segment, 16, 2) = pack('n', sum($pseudo . pack('n n', 6, length $segment) . $segment));
    return (6, $segment);
}

sub udp {
    my ($pseudo) = @_;
    my $datagram = pack('n n n n a6', $next++, $port, 14, 0, 'attack');
    substr($datagram, 6, 2) = pack('n', sum($pseudo . pack('n n', 17, length $datagram) . $datagram));
    return (17, $datagram);
}

sub send_frame {
    my ($mac, $type, $packet) = @_;
    send($wire, pack('H12 H12 n', '525500000202', $mac, $type) . $packet, 0, $place) or die "send: $!";
    select undef, undef, undef, 0.01;
}

sub ipv4 {
    my ($mac, $source, $target, $protocol, $payload, $options, $piece) = @_;
    my $header = pack('C C n n n C C n', 0x45 + length($options) / 4, 0, 20 + length($options) + length $payload,
        $next, $piece, 64, $protocol, 0) . $source . $target . $options;
    substr($header, 10, 2) = pack('n', sum($header));
    send_frame($mac, 0x0800, $header . $payload);
}

for my $text (@targets) {
    if ($text =~ /:/) {
        my $target = inet_pton(AF_INET6, $text);
        for my $source ('fec0::15', 'fec0::16', 'fe80::1', '::1') {
            my $pseudo = inet_pton(AF_INET6, $source) . $target;
            for ([tcp($pseudo, 2)], [udp($pseudo)]) {
                my ($protocol, $payload) = @$_;
                send_frame('525400766d6b', 0x86dd,
                    pack('N n C C', 6 << 28, length $payload, $protocol, 64) . $pseudo . $payload);
            }
        }
        next;
    }
    my $target = inet_pton(AF_INET, $text);
    for my $address ('10.0.2.15', '10.0.2.99', '127.0.0.1', '192.0.2.1') {
        my $source = inet_pton(AF_INET, $address);
        my $pseudo = $source . $target;
        for my $mac ('525400766d6b', '525400000001') {
            # SYN; with PUSH; with options of IP; in pieces.
            ipv4($mac, $source, $target, tcp($pseudo, 2), '', 0);
            ipv4($mac, $source, $target, tcp($pseudo, 0x0a), '', 0);
            ipv4($mac, $source, $target, tcp($pseudo, 2), "\1\1\1\1\1\1\1\0", 0);
            ipv4($mac, $source, $target, udp($pseudo), '', 0);
            next if $dress ne 'pieces';
            my ($protocol, $payload) = tcp($pseudo, 2);
            ipv4($mac, $source, $target, $protocol, substr($payload, 0, 8), '', 0x2000);
            $next--;
            ipv4($mac, $source, $target, $protocol, substr($payload, 8), '', 1);
            $next++;
        }
    }
}
