import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { packCpio } from '../src/image/cpio.ts';
import { time, vmkit } from './measure.ts';
import { busyboxFor } from './power-on.ts';
import type { Guest } from './qemu.ts';

const MARKER_UNIT = `[Unit]
After=postgresql@17-main.service
Requires=postgresql@17-main.service
[Service]
Type=oneshot
User=postgres
ExecStart=/bin/sh -c 'until psql -Atqc "SELECT 1" >/dev/null; do :; done'
ExecStartPost=+/bin/sh -c 'echo bench-select-1 >/dev/console; systemctl --no-block poweroff'
[Install]
WantedBy=multi-user.target
`;

/**
 * The userland of vm/sql under systemd as process 1: the same Debian packages, PostgreSQL as Debian sets it up, an ext4 root. A unit says on the console
 * when \`SELECT 1\` was answered, and powers off. Returns the disk image, kept for later runs in \`cache\`. Needs root.
 */
export async function systemdDisk(cache: string): Promise<string> {
  const image = join(cache, 'bench-systemd-root.img');
  if (await stat(image).catch(() => undefined)) return image;
  const work = await mkdtemp(join(tmpdir(), 'vmkit-bench-'));
  const root = join(work, 'root');
  try {
    await time([
      'mmdebstrap',
      '--variant=minbase',
      '--include=systemd,systemd-sysv,udev,dbus,postgresql-17,iproute2,nftables,dropbear-bin,e2fsprogs',
      '--aptopt=APT::Install-Recommends "false"',
      '--dpkgopt=path-exclude=/usr/share/doc/*',
      '--dpkgopt=path-exclude=/usr/share/man/*',
      '--dpkgopt=path-exclude=/usr/share/locale/*',
      'trixie',
      root,
    ]);
    await writeFile(join(root, 'etc/systemd/system/bench-ready.service'), MARKER_UNIT);
    await chmod(join(root, 'etc/systemd/system/bench-ready.service'), 0o644);
    await writeFile(join(root, 'etc/fstab'), '/dev/vda / ext4 defaults 0 1\n');
    await time(['chroot', root, 'systemctl', 'enable', 'bench-ready.service', 'postgresql.service']);
    await time(['mke2fs', '-q', '-t', 'ext4', '-d', root, `${image}.tmp`, '1500M']);
    await time(['mv', `${image}.tmp`, image]);
    return image;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const imageResult = z.object({ kernel: z.object({ path: z.string() }) });

/** Debian's cloud kernel as vmkit installs it (entered by PVH), and an initramfs that loads what it needs for a disk, uncompressed, and goes on with systemd. */
export async function debianBoot(cache: string): Promise<Pick<Guest, 'kernel' | 'initrd'>> {
  const built = await vmkit(['build-image', 'sql', '--kernel', 'debian']);
  const folder = dirname(imageResult.parse(JSON.parse(built.stdout)).kernel.path);
  const modules = join(folder, 'stage1-modules');
  const init = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do /bin/busybox insmod "$module"; done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
`;
  const initrd = join(cache, 'bench-systemd-initrd.cpio');
  const archive = packCpio([
    { kind: 'file', path: 'init', mode: 0o755, content: init },
    ...['bin', 'dev', 'root', 'modules'].map((path) => ({ kind: 'directory' as const, path, mode: 0o755 })),
    { kind: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    { kind: 'file', path: 'bin/busybox', mode: 0o755, content: await readFile(await busyboxFor(cache)) },
    ...(await Promise.all(
      (
        await readdir(modules)
      ).map(async (name) => ({
        kind: 'file' as const,
        path: `modules/${name}`,
        mode: 0o644,
        content: await readFile(join(modules, name)),
      })),
    )),
  ]);
  await writeFile(initrd, archive);
  return { kernel: join(folder, 'vmlinux'), initrd };
}
