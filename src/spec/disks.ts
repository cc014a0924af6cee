/**
 * The serial of each disk, as the guest finds it in /sys/block/<disk>/serial; a label of a partition where a monitor gives disks no serial. A name such as /dev/vdb
 * depends on the order of devices and is never used. At most 20 characters (virtio specification 1.2, section 5.2.6.1).
 */
export const DISK_SERIALS = {
  root: 'vmkit-root',
  components: 'vmkit-components',
  modules: 'vmkit-modules',
  data: 'vmkit-data',
  secrets: 'vmkit-secrets',
} as const;

export type DiskSerial = (typeof DISK_SERIALS)[keyof typeof DISK_SERIALS];
