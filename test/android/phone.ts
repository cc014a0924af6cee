import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, chownSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { vi } from 'vitest';
import { poll } from '../../src/core/deadline.ts';
import { runProcess } from '../../src/host/local/process/process.ts';
import { isProgram, searchPath } from '../../src/host/local/search-path.ts';
import { freePort } from '../../src/net/tcp.ts';
import { phoneRoot } from './phone-root.ts';

/** AID_SYSTEM and AID_SHELL (android_filesystem_config.h). */
const SYSTEM = 1000;
const SHELL = 2000;
const PORT = 5555;

// Who may do what where is as on a phone. The setuid program lies in a file system that only this namespace has.
const SCRIPT = `set -eu
root=$1 folder=$2 user=$3
mount --bind "$root" "$root"
if [ -d "$folder/dev" ]; then
  # As on a phone: a folder in memory with few devices, which stays when adbd starts again.
  mount --bind "$folder/dev" "$root/dev"
  for each in null zero full random urandom tty ptmx net pts; do
    [ ! -d "/dev/$each" ] || { mkdir -p "$root/dev/$each"; mount --rbind "/dev/$each" "$root/dev/$each"; continue; }
    : >>"$root/dev/$each"
    mount --bind "/dev/$each" "$root/dev/$each"
  done
  mount --rbind /sys "$root/sys"
  mount --bind "$folder/bin" "$root/system/bin"
  mount --bind "$folder/apex" "$root/apex/com.android.virt/bin"
else
  mount --rbind /dev "$root/dev"
fi
mount --rbind /proc "$root/proc"
mount --bind "$folder/data" "$root/data"
mount -t tmpfs -o mode=1777 none "$root/tmp"
mkdir -p "$root$folder" "$root/tmp/lab"
mount --bind "$folder" "$root$folder"
cp "$root/usr/bin/busybox" "$root/tmp/lab/su"
chmod 4755 "$root/tmp/lab/su"
ip link set lo up
exec env -i PATH=/data/lab/bin:/system/bin TMPDIR=/data/local/tmp HOME=/ ADBD_PORT=${PORT} \\
  /usr/sbin/chroot --userspec="$user:$user" --groups= "$root" /usr/lib/android-sdk/platform-tools/adbd
`;

/** A stand-in for Magisk's su, which asks nobody. */
const SU = `#!/bin/sh
[ "$1" != -v ] || { echo 28.1:MAGISKSU; exit; }
exec /tmp/lab/su "$@"
`;

export interface Phone {
  readonly serial: string;
  readonly address: string;
  readonly namespace: string;
  /** The same path here and there; its owner is root. */
  readonly folder: string;
  /** What is found before all else there: stand-ins of the tests' own. */
  program(name: string, script: string): void;
  /** A build of crosvm in the phone's apex, where it `hasMachines`. */
  crosvm(script: string): void;
  /** AVF's command, where it `hasMachines`. */
  vm(script: string): void;
  /** adbd's process. */
  pid(): number;
  /** Ends adbd and all of its children's connections, and starts it again. */
  restart(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

/** Why the lab cannot run here, or undefined. */
export function whyNoPhone(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const folders = searchPath(process.env['PATH'] ?? '');
  const missing = ['adb', 'ip', 'mmdebstrap'].filter((name) => !isProgram(name, folders));
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}: vmkit doctor --setup --all`;
}

/**
 * Debian's real adbd, with mksh and toybox as a phone has them, as adb's user `shell` in a network of its own; and an adb server of this test's own, of whose port
 * the environment tells. adbd asks nobody for a key. `isRooted`: it has a su. `hasMachines`: it has what machines and their supervisor take.
 */
export async function startPhone({
  isRooted = true,
  hasMachines = false,
}: {
  readonly isRooted?: boolean;
  readonly hasMachines?: boolean;
} = {}): Promise<Phone> {
  const root = await phoneRoot();
  const folder = await mkdtemp('/tmp/vmkit-phone-');
  chmodSync(folder, 0o755);
  makeData(join(folder, 'data'));
  const place = await makeNetwork();
  vi.stubEnv('ANDROID_ADB_SERVER_PORT', String(await freePort()));
  vi.stubEnv('HOME', folder);
  const program = (name: string, script: string): void =>
    writeFileSync(join(folder, 'data/lab/bin', name), script, { mode: 0o755 });
  if (isRooted) program('su', SU);
  if (hasMachines) {
    for (const each of ['dev', 'apex', 'data/adb/service.d']) mkdirSync(join(folder, each), { recursive: true });
    cpSync(join(root, 'system/bin'), join(folder, 'bin'), { recursive: true, verbatimSymlinks: true });
    writeFileSync(join(folder, 'dev/kvm'), '');
  }
  const scriptIn = (path: string, script: string): void => {
    rmSync(join(folder, path), { force: true });
    writeFileSync(join(folder, path), script, { mode: 0o755 });
  };
  if (hasMachines) {
    scriptIn('bin/getprop', '#!/system/bin/sh\necho 1\n');
    for (const each of ['iptables', 'ip6tables']) {
      const multi = `/usr/sbin/xtables-legacy-multi ${each} "$@"`;
      scriptIn(`bin/${each}`, `#!/system/bin/sh\nexport XTABLES_LOCKFILE=/data/xtables.lock\nexec ${multi}\n`);
    }
  }
  let adbd = await startAdbd(place.namespace, root, folder);
  const end = async (): Promise<void> => {
    const ended = new Promise((resolve) => adbd.once('close', resolve));
    adbd.kill('SIGKILL');
    await ended;
  };
  return {
    ...place,
    serial: `${place.address}:${PORT}`,
    folder,
    program,
    crosvm: (script) => scriptIn('apex/crosvm', script),
    vm: (script) => scriptIn('apex/vm', script),
    pid: () => adbd.pid ?? 0,
    restart: async () => {
      await end();
      adbd = await startAdbd(place.namespace, root, folder);
    },
    signal: (signal) => void adbd.kill(signal),
    stop: async () => {
      await runProcess(['adb', 'kill-server'], {
        env: { ANDROID_ADB_SERVER_PORT: process.env['ANDROID_ADB_SERVER_PORT'] ?? '' },
      }).catch(() => undefined);
      await end();
      vi.unstubAllEnvs();
      // The supervisor, and what it runs.
      const { stdout } = await runProcess(['ip', 'netns', 'pids', place.namespace]);
      for (const pid of stdout.split('\n').filter(Boolean)) killIfThere(Number(pid));
      await runProcess(['ip', 'netns', 'delete', place.namespace]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function makeData(data: string): void {
  const folders: readonly [string, number, number][] = [
    ['', SYSTEM, 0o771],
    ['local', 0, 0o751],
    ['local/tmp', SHELL, 0o771],
    ['adb', 0, 0o700],
    ['lab', 0, 0o755],
    ['lab/bin', 0, 0o755],
  ];
  for (const [name, owner, mode] of folders) {
    mkdirSync(join(data, name));
    chmodSync(join(data, name), mode);
    chownSync(join(data, name), owner, owner);
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

let made = 0;

/** A namespace with an address that only this computer reaches. */
async function makeNetwork(): Promise<{ namespace: string; address: string }> {
  made += 1;
  const namespace = `vmkit-phone-${process.pid}-${made}`;
  const net = `198.19.${randomInt(0, 256)}.${randomInt(0, 64) * 4}`.split('.').map(Number);
  const at = (last: number): string => [...net.slice(0, 3), (net[3] ?? 0) + last].join('.');
  const outside = `vmp${process.pid % 100_000}-${made}`;
  for (const words of [
    `netns add ${namespace}`,
    `link add ${outside} type veth peer name wlan0 netns ${namespace}`,
    `addr add ${at(1)}/30 dev ${outside}`,
    `link set ${outside} up`,
    `-n ${namespace} addr add ${at(2)}/30 dev wlan0`,
    `-n ${namespace} link set wlan0 up`,
    `-n ${namespace} link set lo up`,
  ]) {
    const { exitCode, stderr } = await runProcess(['ip', ...words.split(' ')]);
    if (exitCode !== 0) throw new Error(`ip ${words}: ${stderr}`);
  }
  return { namespace, address: at(2) };
}

async function startAdbd(namespace: string, root: string, folder: string): Promise<ChildProcess> {
  const alone = ['unshare', '--mount', 'sh', '-c', SCRIPT, 'sh', root, folder, String(SHELL)];
  const child = spawn('ip', ['netns', 'exec', namespace, ...alone], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk) => (log += chunk));
  const isUp = await poll(() => (log.includes('adbd started') ? true : undefined), { withinMs: 20_000 });
  if (isUp === undefined) throw new Error(`adbd does not start: ${log}`);
  return child;
}
