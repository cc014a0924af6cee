import { DISK_SERIALS } from '../../spec/disks.ts';
import { fatal } from '../../spec/guest-event.ts';

/** The first lines of stage 1 that need a driver: what was put into the initramfs for a kernel with modules. One that is refused is missed where it is needed. */
export function loadModules(): string {
  return `# What the kernel has as modules, in an order in which each finds those that it uses.
for module in /modules/*; do [ ! -f "$module" ] || insmod "$module"; done
`;
}

/**
 * Modules lie below the root, which may have programs of its own for them. A device that is there only once its module is loaded gets its file before, as from
 * udev (modules.devname: `tun net/tun c10:200`): who opens it loads the module.
 */
export function moduleSteps(): string {
  return `# The modules of the kernel, if it has any.
if [ -d /modules ]; then
  find_disk ${DISK_SERIALS.modules} || ${fatal('modules-missing')} "no disk with the serial or partition label ${DISK_SERIALS.modules}"
  mkdir -p /module-image /lib
  mount -t squashfs -o ro,nosuid,nodev "$disk" /module-image || ${fatal('modules-unreadable')} "cannot mount $disk as squashfs"
  release=$(uname -r)
  [ -d /module-image/usr/lib/modules/"$release" ] || ${fatal('modules-foreign')} "the modules on $disk are not those of the kernel $release"
  ln -s /module-image/usr/lib/modules /lib/modules
  lower=$lower:/module-image
  while read -r module file device; do
    case $module in '#'*) continue ;; esac
    numbers=\${device#[bc]}
    case $file in */*) mkdir -p /dev/"\${file%/*}" ;; esac
    [ -e /dev/"$file" ] || mknod -m 0600 /dev/"$file" "\${device%%[0-9]*}" "\${numbers%:*}" "\${numbers#*:}"
  done </lib/modules/"$release"/modules.devname
fi
`;
}
