import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { time } from './measure.ts';

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
