import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';

const APPLIED_WITHIN_MS = 12 * 3_600_000;

/**
 * A program for perl, which Debian always has: `$1` an image that QEMU wrote with nothing but what changed, `$2` the disk that it changes (QEMU, docs/interop/qcow2.rst:
 * header of version 3, two levels of tables, an offset of 0 for what is not in it, bit 0 for zeros). What such an image has not, it refuses. Zeros that are there are
 * not written: holes stay holes.
 */
const APPLY = `use strict;
my ($image, $disk) = @ARGV;
open my $in, '<:raw', $image or die "$image: $!\\n";
open my $out, '+<:raw', $disk or die "$disk: $!\\n";
sub at {
  my ($file, $offset, $length) = @_;
  my $all = '';
  sysseek $file, $offset, 0 or die "seeking: $!\\n";
  while (length $all < $length) {
    my $got = sysread $file, $all, $length - length $all, length $all;
    die "reading: $!\\n" unless defined $got;
    die "cut off\\n" if $got == 0;
  }
  return $all;
}
my ($magic, $version, $backing, undef, $bits, $size, $crypt, $tables, $first) = unpack 'a4 N Q> N N Q> N N Q>', at($in, 0, 48);
die "no image of changes\\n" unless $magic eq "QFI\\xfb" && $version == 3 && $backing == 0 && $crypt == 0 && unpack('Q>', at($in, 72, 8)) == 0;
die "of a disk of another size\\n" unless $size == -s $disk;
my $cluster = 1 << $bits;
my $zeros = "\\0" x $cluster;
my $offset = 0x00fffffffffffe00;
my $to = -$cluster;
for my $table (unpack 'Q>*', at($in, $first, $tables * 8)) {
  if (($table & $offset) == 0) { $to += $cluster * $cluster / 8; next; }
  for my $entry (unpack 'Q>*', at($in, $table & $offset, $cluster)) {
    $to += $cluster;
    next if $entry == 0;
    die "packed\\n" if $entry & 1 << 62;
    my $length = $size - $to < $cluster ? $size - $to : $cluster;
    my $new = $entry & 1 ? substr $zeros, 0, $length : at($in, $entry & $offset, $length);
    next if $new eq at($out, $to, $length);
    sysseek $out, $to, 0 or die "seeking: $!\\n";
    for (my $done = 0; $done < $length;) {
      my $put = syswrite $out, $new, $length - $done, $done;
      die "writing: $!\\n" unless defined $put;
      $done += $put;
    }
  }
}
close $out or die "writing: $!\\n";
`;

/** Makes a copy of a disk what it was later, by an image of what changed (`ChangeNotes`). */
export async function applyChanges(image: string, disk: string, { host, signal }: Context): Promise<void> {
  const argv = ['perl', '-e', APPLY, image, disk];
  const { exitCode, stderr } = await host.exec(argv, { withinMs: APPLIED_WITHIN_MS, signal });
  if (exitCode === 0) return;
  throw new VmkitError('host', 'backup-damaged', `Changes of a disk, ${image}: ${stderr.trim()}`, {
    hint: 'Take another backup: vmkit backups lists them. perl is needed here, and room for the disk.',
  });
}
