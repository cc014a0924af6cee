import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { poll } from '../../src/core/deadline.ts';
import type { Ended } from './machine.ts';

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

/** $1: a folder; $2: systemd; $3: the file of a new cgroup that takes processes; $4: a network namespace, which has a /sys of its own. */
const BOOT = `echo $$ >"$3"
exec ip netns exec "$4" unshare --mount --pid --fork --cgroup --uts --ipc --kill-child sh -eu -c '
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" none "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --rbind /sys sys
mount -o remount,bind,ro sys
mount -t cgroup2 none sys/fs/cgroup
mount --rbind /dev dev
for each in run tmp; do mount -t tmpfs none $each; done
rm -f etc/systemd/system/*.wants/*
export container=other
exec chroot . "$2" --system --unit=basic.target --show-status=no
' sh "$1" "$2"
`;

/** Starts it in a network namespace. */
export async function startSystemd(namespace: string): Promise<Systemd> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-systemd-'));
  const group = join(cgroups() ?? '', folder.slice(folder.lastIndexOf('/')));
  await execa('mkdir', [group]);
  const words = ['-eu', '-c', BOOT, 'sh', folder, INIT, `${group}/cgroup.procs`, namespace];
  const outside = spawn('sh', words, { stdio: ['ignore', 'ignore', 'pipe'] });
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
    const { exitCode, stdout, stderr } = await execa('nsenter', enter, { reject: false, timeout: 120_000, env });
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
