/** What the program says once QEMU may connect. */
export const LISTENS = 'listens';

/**
 * A program for perl, which Debian always has: `$1` the folder of the socket, `$2` its name there, `$3` the file, `$4` the bytes that it may take. It ends when the file is whole and on the
 * disk. A path of a socket is short (unix(7)), so it is named from its folder. The folder is QEMU's own, and nobody else gets in.
 */
export function receiveScript(): string {
  return `use strict;
use Fcntl;
use IO::Handle;
use Socket;
my ($folder, $name, $file, $left) = @ARGV;
umask 0077;
sysopen my $out, $file, O_WRONLY | O_CREAT | O_EXCL, 0600 or die "$file: $!\\n";
chdir $folder or die "$folder: $!\\n";
unlink $name;
socket my $server, AF_UNIX, SOCK_STREAM, 0 or die "socket: $!\\n";
bind $server, sockaddr_un($name) or die "$name: $!\\n";
chmod 0666, $name;
listen $server, 1 or die "listen: $!\\n";
$| = 1;
print "${LISTENS}\\n";
$SIG{ALRM} = sub { unlink $name; die "QEMU did not connect.\\n" };
alarm 60;
accept my $in, $server or die "accept: $!\\n";
alarm 0;
unlink $name;
while (1) {
  my $got = sysread $in, my $piece, 1 << 20;
  defined $got or die "QEMU: $!\\n";
  last if $got == 0;
  $left -= $got;
  $left >= 0 or die "It is larger than the machine's memory.\\n";
  for (my $at = 0; $at < $got;) {
    my $put = syswrite $out, $piece, $got - $at, $at;
    defined $put or die "$file: $!\\n";
    $at += $put;
  }
}
$out->sync or die "$file: $!\\n";
close $out or die "$file: $!\\n";
`;
}
