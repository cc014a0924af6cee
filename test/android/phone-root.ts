import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../src/core/digest.ts';
import { resolvePaths } from '../../src/core/paths.ts';
import { runMmdebstrap } from '../../src/store/mmdebstrap.ts';
import { contextIn } from '../support/context.ts';

const PACKAGES = ['adbd', 'mksh', 'toybox', 'busybox-static', 'iproute2', 'iptables', 'e2fsprogs'];

/** What toybox has on every Android from 13 to 17 (its Android.bp), as far as Debian's toybox has it. Debian's has more, which no phone has. */
const TOYBOX =
  'acpi base64 basename blkid blockdev cal cat chattr chgrp chmod chown chroot chrt cksum clear cmp comm cp cpio cut date df dirname dmesg dos2unix du echo egrep env expand fallocate false fgrep file find flock fmt free fsync getconf grep groups gunzip head hostname hwclock iconv id ifconfig inotifyd insmod install ionice iorenice kill killall ln logname losetup ls lsattr lsmod lspci lsusb md5sum microcom mkdir mkfifo mknod mkswap mktemp modinfo mount mountpoint mv nc netcat netstat nice nl nohup nproc nsenter od paste patch pgrep pidof pkill pmap printenv printf ps pwd readelf readlink realpath renice rm rmdir rmmod rtcwake sed seq setfattr setsid sha1sum sha224sum sha256sum sha384sum sha512sum sleep sort split stat strings swapoff swapon sync sysctl tac tail tar taskset tee test time timeout top touch true truncate tty uclampset ulimit umount uname uniq unix2dos unlink unshare uptime usleep uudecode uuencode uuidgen vmstat watch wc which whoami xargs xxd yes zcat';
/** What Debian's toybox lacks and phones have; awk is a program of its own there. */
const BUSYBOX = 'awk diff expr gzip stty tr';
const PROGRAMS = ['ip', 'iptables', 'iptables-save', 'ip6tables', 'ip6tables-save', 'mke2fs', 'e2fsck', 'resize2fs'];

/** A stand-in for toybox's dd, which counts bytes and knows these words only. */
const DD = `#!/bin/sh
for word; do
  case $word in
    # What Android 13's does with it and a short read.
    bs=*) case " $* " in *' count=0 '*) ;; *) echo 'double free or corruption (!prev)' >&2; exit 134 ;; esac ;;
    if=* | of=* | ibs=* | obs=* | count=* | skip=* | seek=* | status=none | status=noxfer) ;;
    conv=notrunc | conv=fsync | conv=sync | conv=noerror | iflag=count_bytes | iflag=skip_bytes | oflag=seek_bytes) ;;
    *) echo "dd: bad $word" >&2; exit 1 ;;
  esac
done
exec /usr/bin/busybox dd iflag=fullblock "$@"
`;

/** The folders of an Android with mksh and toybox, and Debian's adbd beside them. Made once for all tests. */
export async function phoneRoot(): Promise<string> {
  const recipe = sha256([await readFile(import.meta.filename, 'utf8')].join()).slice(0, 16);
  const folder = join(resolvePaths().cache, 'tests');
  const root = join(folder, `android-${recipe}`);
  if (existsSync(root)) return root;
  await mkdir(folder, { recursive: true });
  const making = await mkdtemp(join(folder, 'making-android-'));
  try {
    const made = join(making, 'root');
    const args = ['--variant=extract', `--include=${PACKAGES.join(',')}`];
    await runMmdebstrap(args, { doing: "Fetching a phone's programs", target: made }, contextIn(making));
    await arrange(made);
    // Somebody else may have made the same one meanwhile.
    await rename(made, root).catch((error) => (existsSync(root) ? undefined : Promise.reject(error)));
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return root;
}

async function arrange(root: string): Promise<void> {
  const bin = join(root, 'system/bin');
  for (const each of ['system/bin', 'proc', 'dev', 'data', 'tmp', 'sys', 'apex/com.android.virt/bin']) {
    await mkdir(join(root, each), { recursive: true });
  }
  for (const each of ['bin', 'sbin', 'lib', 'lib64']) {
    // Some packages bring one themselves.
    if (!existsSync(join(root, each)))
      await symlink(each.includes('bin') ? '/system/bin' : `usr/${each}`, join(root, each));
  }
  await symlink('/usr/bin/mksh', join(bin, 'sh'));
  for (const name of TOYBOX.split(' ')) await symlink('/usr/bin/toybox', join(bin, name));
  for (const name of BUSYBOX.split(' ')) await symlink('/usr/bin/busybox', join(bin, name));
  for (const name of PROGRAMS) {
    const found = ['usr/bin', 'usr/sbin']
      .map((each) => join('/', each, name))
      .find((path) => existsSync(join(root, path)));
    if (found !== undefined) await symlink(found, join(bin, name));
  }
  await writeFile(join(bin, 'dd'), DD);
  await chmod(join(bin, 'dd'), 0o755);
  // bionic knows these users without a file. No password: the lab's su asks for none.
  const users = 'root::0:0::/:/bin/sh\nsystem:x:1000:1000::/:/bin/sh\nshell:x:2000:2000::/:/bin/sh\n';
  await writeFile(join(root, 'etc/passwd'), users);
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nsystem:x:1000:\nshell:x:2000:\n');
}
