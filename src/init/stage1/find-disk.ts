/** How the guest finds its disks: shell functions of stage 1. */
export function findDisk(): string {
  return `# serial_in FILE: sets $serial, empty where there is none.
serial_in() {
  serial=
  [ ! -r "$1" ] || read -r serial <"$1"
}

# find_disk NAME: sets $disk to the disk with that serial, or to the partition with that label on a disk without a serial: Android's virtualization
# framework (AVF) gives disks none. Names such as /dev/vdb depend on the order of devices. Gives up after 5 s.
find_disk() {
  # A monitor whose disks have neither: the order is told, and there are no others.
  if [ -n "\${disk_order-}" ]; then
    letters=abcdefgh
    for name in $(echo "$disk_order" | tr , ' '); do
      disk=/dev/vd\${letters%"\${letters#?}"}
      letters=\${letters#?}
      [ "$name" != "$1" ] || { [ -b "$disk" ]; return; }
    done
    return 1
  fi
  tries=0
  while [ "$tries" -lt 100 ]; do
    for file in /sys/block/*/serial; do
      serial_in "$file"
      if [ "$serial" = "$1" ]; then
        disk=\${file%/serial}
        disk=/dev/\${disk##*/}
        return 0
      fi
    done
    for file in /sys/class/block/*/partition; do
      disk=\${file%/partition}
      serial_in "$disk/../serial"
      if [ -z "$serial" ] && grep -q -x "PARTNAME=$1" "$disk/uevent" 2>/dev/null; then
        disk=/dev/\${disk##*/}
        return 0
      fi
    done
    tries=$((tries + 1))
    usleep 50000
  done
  return 1
}
`;
}
