import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { poll } from '../../../src/core/deadline.ts';
import type { Ended } from '../machine.ts';

const INIT = '/lib/systemd/systemd';

/** Why no systemd can be process 1 of namespaces here; undefined: it can. */
export function whyNoSystemd(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, for namespaces';
  return existsSync(INIT) && cgroups() !== undefined ? undefined : 'needs systemd, and cgroups of version 2';
}

/** This computer's own system with systemd as process 1; what is written there is gone at the end. */
export interface Systemd {
  /** A path of its, as one of ours. */
  inside(path: string): Promise<string>;
  /** As root. */
  run(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  stop(): Promise<void>;
}

/**
 * $1: a folder; $2: systemd; $3: a folder that is /srv/shared there, or nothing. A few devices, and no /dev/kvm. The unified hierarchy is enough for systemd; what has no
 * controller there has no limits.
 */
const BOOT = `mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" none "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --rbind /sys sys
mount -o remount,bind,ro sys
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs -o mode=755 none dev
for each in null zero full random urandom tty; do : >dev/$each; mount --bind /dev/$each dev/$each; done
mkdir -p dev/pts dev/shm dev/net srv/shared
[ ! -d /dev/net ] || mount --bind /dev/net dev/net
mount -t devpts -o newinstance,ptmxmode=666 none dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=755 none run
mount -t tmpfs -o mode=1777 none tmp
[ -z "$3" ] || mount --bind "$3" srv/shared
rm -rf etc/systemd/system/*.wants
# As a manager of containers does: credentials are mounted elsewhere, and come here.
mount --make-rshared .
export container=other
exec chroot . "$2" --system --unit=basic.target --show-status=no
`;

/** Starts it in a network namespace, or in this computer's network. `shared` is /srv/shared there. */
export async function startSystemd({
  namespace,
  shared = '',
}: {
  readonly namespace?: string;
  readonly shared?: string;
}): Promise<Systemd> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-systemd-'));
  const group = join(cgroups() ?? '', folder.slice(folder.lastIndexOf('/')));
  await execa('mkdir', [group]);
  // One with a network of its own has a /sys of its own.
  const network = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace];
  const apart = ['unshare', '--mount', '--pid', '--fork', '--cgroup', '--uts', '--ipc', '--kill-child'];
  const words = [...network, ...apart, 'sh', '-eu', '-c', BOOT, 'sh', folder, INIT, shared];
  const enterGroup = ['-euc', 'echo $$ >"$0"; exec "$@"', `${group}/cgroup.procs`, ...words];
  const outside = spawn('sh', enterGroup, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  outside.stderr.on('data', (text) => (said += String(text)));
  const stop = async (): Promise<void> => {
    const ended = outside.exitCode === null ? once(outside, 'close') : undefined;
    outside.kill('SIGKILL');
    await ended;
    await poll(
      async () =>
        rmdir(group).then(
          () => true,
          () => undefined,
        ),
      { withinMs: 10_000 },
    );
    await rm(folder, { recursive: true, force: true });
  };
  const init = async (): Promise<string> =>
    (await execa('pgrep', ['-P', String(outside.pid)], { reject: false })).stdout.trim();
  const run: Systemd['run'] = async (argv, env = {}) => {
    const enter = ['-t', await init(), '--all', 'chroot', join(folder, 'root'), ...argv];
    const { exitCode, stdout, stderr } = await execa('nsenter', enter, { reject: false, timeout: 900_000, env });
    return { exitCode: exitCode ?? -1, stdout, stderr };
  };
  const isUp = async (): Promise<true | undefined> =>
    (await run(['systemctl', 'is-active', 'basic.target'])).stdout === 'active' ? true : undefined;
  const inside: Systemd['inside'] = async (path) => `/proc/${await init()}/root${path}`;
  if ((await poll(isUp, { withinMs: 120_000 })) === true) return { inside, run, stop };
  await stop();
  throw new Error(`systemd did not come up: ${said}`);
}

/** Where the hierarchy of version 2 is, which a system may have beside the older one. */
function cgroups(): string | undefined {
  return ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find(
    (folder) => existsSync(join(folder, 'cgroup.controllers')) || existsSync(join(folder, 'cgroup.subtree_control')),
  );
}
