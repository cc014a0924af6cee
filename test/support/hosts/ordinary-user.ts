import { chmod, chown, cp, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import type { Ended } from '../machine.ts';

/** Nobody has this number. */
const USER = 61_237;

/** What an ordinary user is given: a network namespace, a home, a root that is not ours, the bundled program, executables of Tailscale. */
interface Place {
  readonly namespace: string;
  /** As we see it. */
  readonly home: string;
  /** Undefined: this system's. */
  readonly root?: ScratchRoot;
  readonly program: string;
  readonly tailscale: string;
  readonly tailscaled: string;
}

/** A system of its own in a folder (test/support/hosts/scratch-root.ts). */
export interface ScratchRoot {
  readonly folder: string;
  /** The start of each command line there that is Node's. */
  readonly node: readonly string[];
  /** Of vmkit, there. */
  readonly program: string;
}

export interface OrdinaryUser {
  vmkit(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  /** A program of that system. */
  run(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  /** All of that user's that run; a zombie has ended. */
  processes(): Promise<readonly string[]>;
}

/**
 * Enters $1, the root to be, as the user $2: without /dev/net/tun, and in a user namespace that may have no other below it (user_namespaces(7)), as where an
 * administrator or a container forbids them. Its map is written from outside, so that files of root stay root's.
 */
const ENTER = `root=$1; user=$2; shift 2
mount -t tmpfs none /dev/net
if [ "$root" != / ]; then
  mount --bind /proc "$root/proc"
  for each in null zero random urandom; do mount --bind /dev/$each "$root/dev/$each"; done
fi
unshare -U sh -c 'until read -r _ </proc/self/uid_map; do sleep 0.02; done 2>/dev/null; exec "$@"' sh \
  sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; r=$1 u=$2; shift 2; exec chroot --userspec="$u:$u" --groups= "$r" "$@"' sh "$root" "$user" "$@" &
until echo '0 0 65536' >/proc/$!/uid_map; do sleep 0.02; done 2>/dev/null
echo '0 0 65536' >/proc/$!/gid_map
wait $!
`;

/** vmkit as a user whom nobody knows, without root, TUN and user namespaces. */
export async function ordinaryUser({ namespace, home, root, program, ...programs }: Place): Promise<OrdinaryUser> {
  await mkdir(home, { recursive: true });
  for (const [name, path] of Object.entries(programs)) await cp(path, join(home, name));
  await chown(home, USER, USER);
  await chmod(join(home, '..'), 0o755);
  const [rootFolder, homeThere] = root === undefined ? ['/', home] : [root.folder, `/${basename(home)}`];
  const tools = { VMKIT_TAILSCALE: `${homeThere}/tailscale`, VMKIT_TAILSCALED: `${homeThere}/tailscaled` };
  const run: OrdinaryUser['run'] = async (argv, env = {}) => {
    const enter = ['netns', 'exec', namespace, 'unshare', '-m', 'sh', '-c', ENTER, 'sh', rootFolder, String(USER)];
    const path = process.env['PATH'] ?? '';
    const inside = ['env', `PATH=${root === undefined ? path : '/bin'}`, ...argv];
    const { exitCode, stdout, stderr } = await execa('ip', [...enter, ...inside], {
      ...{ cwd: home, extendEnv: false, reject: false, timeout: 120_000, stripFinalNewline: false },
      env: { PATH: path, HOME: homeThere, ...tools, ...env },
    });
    return { exitCode: exitCode ?? -1, stdout, stderr };
  };
  const node = root?.node ?? [process.execPath];
  return {
    run,
    vmkit: (args, env) => run([...node, root?.program ?? program, ...args], env),
    processes: async () => {
      const { stdout } = await execa('ps', ['-o', 'stat=,args=', '-u', String(USER)], { reject: false });
      return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('Z'));
    },
  };
}
