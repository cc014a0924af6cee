import { GUEST } from '../../core/guest-paths.ts';
import { DISK_SERIALS } from '../../spec/disks.ts';
import { fatal } from '../../spec/guest-event.ts';
import { uidOf } from '../../spec/uid.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { placeDataFiles } from './data-files.ts';

/** The part of stage 1 that mounts the data disk. Where a service that others stand on runs as a user, the blocks that ext4 keeps back are that user's. */
export function dataSteps(services: VmSpec['services']): string {
  const vital = services.find(({ isVital, user }) => isVital === true && user !== 'root');
  const reserve = vital === undefined ? '' : `,resuid=${uidOf(vital.user)}`;
  return `# The data disk: by its name and its UUID, checked, or not at all.
[ -n "\${data_uuid-}" ] || ${fatal('data-disk-unknown')} "the kernel command line names no vmkit.data=UUID"
find_disk ${DISK_SERIALS.data} || ${fatal('data-disk-missing')} "no disk with the serial or partition label ${DISK_SERIALS.data}"
# linux: fs/ext4/ext4.h, struct ext4_super_block: s_uuid is 16 bytes at 1024 + 0x68.
found=$(od -v -A n -t x1 -j 1128 -N 16 "$disk" | tr -d ' \\n')
[ "$found" = "$(echo "$data_uuid" | tr -d -)" ] || ${fatal('data-disk-foreign')} "the file system on $disk has the UUID $found, not $data_uuid"
${dataChecks()}mkdir /data-disk
mount -t ext4 -o noatime,nosuid,nodev,errors=remount-ro${reserve} "$disk" /data-disk \\
  || ${fatal('data-disk-unmountable')} "cannot mount $disk as ext4"
${placeDataFiles(services)}mount --move /data-disk /new${GUEST.data}
event_phase data-disk
`;
}

/** Whether `$disk` may be mounted; one that is refused is left byte for byte. */
export function dataChecks(): string {
  return `${sizeSteps()}${repairSteps()}`;
}

/**
 * A disk that is shorter than its file system is not given to e2fsck, which would make do with the rest.
 * Words of 4 bytes from s_blocks_count_lo on: s_log_block_size, s_feature_incompat and s_blocks_count_hi are the 6th, 24th and 84th.
 */
function sizeSteps(): string {
  return `set -- $(od -v -A n -t u4 -j 1028 -N 336 "$disk")
blocks=$1
[ $((\${24} & 128)) -eq 0 ] || blocks=$(((\${84} << 32) + blocks))
[ "$6" -le 6 ] && [ "\${84}" -lt 65536 ] || ${fatal('data-disk-damaged')} "the superblock on $disk makes no sense"
read -r sectors <"/sys/class/block/\${disk##*/}/size"
[ "$blocks" -le $((sectors >> ($6 + 1))) ] \\
  || ${fatal('data-disk-truncated')} "the file system on $disk has $((blocks << ($6 + 1))) sectors, the disk $sectors: it is left as it is"
`;
}

/**
 * e2fsck(8): \`-n\` changes nothing, but passes over a journal that a power cut left; below 4 a disk is clean or was repaired; 2 asks for a reboot, which a
 * disk that is not mounted does not need. What a repair overwrites is kept in memory, so that a disk that is refused after all is put back as it was.
 */
function repairSteps(): string {
  return `output=$(chroot /new /sbin/e2fsck -n "$disk" 2>&1)
case $?:$output in
  0:*"skipping journal recovery"*) repair=yes ;;
  0:*": clean,"*) repair= ;;
  *) repair=yes ;;
esac
if [ -n "$repair" ]; then
  mkdir /new/undo
  mount -t tmpfs -o mode=0700,size=80% undo /new/undo
  output=$(chroot /new /sbin/e2fsck -p -z /undo/blocks "$disk" 2>&1)
  code=$?
  [ "$code" -eq 0 ] || echo "$output"
  if [ "$code" -ge 4 ]; then
    output=$(echo "$output" | grep -v -e '^$' -e 'Overwriting existing' -e e2undo)
    state='left as it was'
    if [ -e /new/undo/blocks ]; then
      chroot /new /sbin/e2undo /undo/blocks "$disk" 2>&1 || state='changed in part'
    fi
    ${fatal('data-disk-damaged')} "the disk is $state, e2fsck ended with $code: $output"
  fi
  umount /new/undo
  rmdir /new/undo
fi
`;
}
