import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { poll } from '../../src/core/deadline.ts';
import { localHost } from '../../src/host/local/local.ts';

/**
 * $1: a folder, $2: a control group. This computer's own system as an overlay in memory, with a few devices (no /dev/kvm), and none of its services; the network is
 * this computer's. The unified hierarchy is enough for systemd; what has no controller there has no limits.
 */
const BOOT = `set -eu
root=$1/root
mkdir -p "$1/over" "$root"
mount -t tmpfs over "$1/over"
mkdir "$1/over/up" "$1/over/work"
mount -t overlay -o "lowerdir=/,upperdir=$1/over/up,workdir=$1/over/work" system "$root"
cd "$root"
mount -t proc proc proc
mount --bind -o ro /sys sys
mount -t cgroup2 cgroup sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for each in null zero full random urandom tty; do : >dev/$each; mount --bind /dev/$each dev/$each; done
mkdir -p dev/pts dev/shm srv/exported
mount -t devpts -o newinstance,ptmxmode=666 pts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mount --bind "$1/exported" srv/exported
rm -rf etc/systemd/system/*.wants
# As a manager of containers does: credentials are mounted elsewhere, and come here.
mount --make-rshared .
export container=other
exec chroot . /lib/systemd/systemd --system --unit=basic.target --show-status=no
`;

export interface SystemdContainer {
  /** Runs a script as root there. */
  run(script: string): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }>;
  end(): Promise<void>;
}

/** A systemd as process 1 of a container of namespaces; needs root. `folder`/exported is /srv/exported there. */
export async function startSystemd(folder: string): Promise<SystemdContainer> {
  const unified = await stat('/sys/fs/cgroup/unified').then(
    () => '/sys/fs/cgroup/unified',
    () => '/sys/fs/cgroup',
  );
  const group = join(unified, `vmkit-test-${process.pid}`);
  await mkdir(group);
  const enter = `echo $$ >"$2/cgroup.procs"; exec unshare --mount --pid --fork --cgroup --uts --ipc --kill-child=SIGKILL sh -c "$3" sh "$1"`;
  const child = spawn('sh', ['-euc', enter, 'sh', folder, group, BOOT], { stdio: 'ignore' });
  const host = localHost();
  const run: SystemdContainer['run'] = async (script) => {
    const init = (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')).trim();
    return host.exec(['nsenter', '-t', init, '-m', '-p', '-u', '-i', '-r', 'sh', '-euc', `cd /\n${script}`], {
      withinMs: 900_000,
    });
  };
  const container: SystemdContainer = {
    run,
    end: async () => {
      await killed(child);
      await poll(
        () =>
          rmdir(group).then(
            () => true as const,
            () => undefined,
          ),
        { withinMs: 30_000, everyMs: 100 },
      );
    },
  };
  const isUp = async (): Promise<true | undefined> =>
    (await run('systemctl is-active basic.target').catch(() => undefined))?.stdout.trim() === 'active' || undefined;
  if ((await poll(isUp, { withinMs: 300_000, everyMs: 200 })) === undefined) {
    await container.end();
    throw new Error('systemd did not come up.');
  }
  return container;
}

function killed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('close', () => resolve());
    child.kill('SIGKILL');
  });
}
