import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { poll } from '../../../src/core/deadline.ts';
import { runProcess } from '../../../src/host/local/process/process.ts';
import { findProgram, searchPath } from '../../../src/host/local/search-path.ts';
import { freePort } from '../../../src/net/tcp.ts';

export const TEST_UID = 61_235;

/** All that a server needs, as docs/hosts/ssh.md says: it finds nothing else. */
export const SERVER_PROGRAMS =
  'sh awk cat chmod cut dd df dirname flock head id mkdir mkfifo mktemp mv nproc readlink rm setsid sha256sum sleep stat sync tail uname'.split(
    ' ',
  );

/** What else a server needs that runs machines. */
export const MACHINE_PROGRAMS = 'bash cp env e2fsck ls mke2fs qemu-system-x86_64 resize2fs setpriv truncate'.split(' ');

/** For the tests themselves. */
const TEST_PROGRAMS = 'printf touch true ln echo'.split(' ');

// Users of the tests' own, in a mount namespace, so the machine keeps its own.
const SCRIPT = `set -eu
etc=$1; shift
for file in passwd group; do mount --bind "$etc/$file" "/etc/$file"; done
mkdir -p /run/sshd "$etc/../home/full"
mount -t tmpfs -o size=256k,mode=755,uid=${TEST_UID},gid=${TEST_UID} none "$etc/../home/full"
exec "$@"
`;

/** Where a server is: in a network namespace, at an address of it. */
interface Namespace {
  readonly name: string;
  readonly address: string;
}

export interface Sshd {
  readonly port: number;
  /** A folder with an `ssh`, OpenSSH's with a configuration for this server alone. */
  readonly bin: string;
  readonly home: string;
  /** Of root there. */
  readonly rootHome: string;
  readonly folder: string;
  url(user?: string): string;
  /** The only folder of programs that its users have. */
  readonly path: string;
  /** Ends the processes that serve connections, not what they started. */
  cutConnections(): void;
  /** The same processes get this signal: SIGSTOP makes a server that is silent. */
  signalConnections(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

interface SshdPlace {
  /** Variables that name folders of the home. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Whose network is the server's. */
  readonly namespace?: Namespace;
}

/**
 * For root: OpenSSH's real server on loopback, for throw-away users with one empty home: `vmkit-test`, `vmkit-banner` whose login shell talks, `vmkit-no-login`. Their folder `full` holds 256 KiB. `kind`: which
 * programs it has. root has an empty home there, too.
 */
export async function startSshd(
  kind: 'coreutils' | 'busybox',
  config: readonly string[] = [],
  programs: readonly string[] = [],
  { folders = {}, namespace }: SshdPlace = {},
): Promise<Sshd> {
  const address = namespace?.address ?? '127.0.0.1';
  const folder = await mkdtemp('/tmp/vmkit-sshd-');
  const [etc, home, bin, path, rootHome] = ['etc', 'home', 'bin', 'path', 'root'].map((name) => join(folder, name));
  for (const each of [etc, home, bin, path, rootHome]) mkdirSync(each ?? '', { mode: 0o755 });
  // mkdtemp gives 0700.
  await runProcess(['chmod', '755', folder]);
  chownSync(home ?? '', TEST_UID, TEST_UID);
  const busybox = findProgram('busybox', searchPath(process.env['PATH'] ?? '')) ?? '';
  for (const name of new Set([...SERVER_PROGRAMS, ...TEST_PROGRAMS, ...programs])) {
    // Debian's busybox has no flock.
    const isApplet = kind === 'busybox' && name !== 'flock';
    const target = isApplet ? busybox : findProgram(name, ['/usr/bin', '/bin', '/usr/sbin', '/sbin']);
    if (target !== undefined) symlinkSync(target, join(path ?? '', name));
  }
  const talking = join(folder, 'talking-shell');
  writeFileSync(talking, '#!/bin/sh\necho Welcome to this server; echo Please behave >&2; exec /bin/sh "$@"\n', {
    mode: 0o755,
  });
  const users = { 'vmkit-test': '/bin/sh', 'vmkit-banner': talking, 'vmkit-no-login': '/usr/sbin/nologin' };
  const lines = Object.entries(users).map(([user, shell]) => `${user}:x:${TEST_UID}:${TEST_UID}::${home}:${shell}\n`);
  const known = readFileSync('/etc/passwd', 'utf8').replace(/^root:.*$/m, `root:x:0:0:root:${rootHome}:/bin/sh`);
  writeFileSync(`${etc}/passwd`, known + lines.join(''));
  writeFileSync(`${etc}/group`, `${readFileSync('/etc/group', 'utf8')}vmkit-test:x:${TEST_UID}:\n`);
  for (const key of ['host', 'client', 'stranger']) {
    await runProcess(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)]);
  }
  writeFileSync(join(folder, 'authorized'), readFileSync(join(folder, 'client.pub')), { mode: 0o644 });
  const port = await freePort();
  const options = [
    `Port ${port}`,
    `ListenAddress ${address}`,
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/authorized`,
    'StrictModes no',
    'UsePAM no',
    'PidFile none',
    'PrintMotd no',
    'MaxStartups 100',
    `SetEnv PATH=${path} ${Object.entries(folders)
      .map(([name, below]) => `${name}=${join(home ?? '', below)}`)
      .join(' ')}`.trim(),
    ...config,
  ];
  writeFileSync(join(folder, 'sshd.conf'), `${options.join('\n')}\n`);
  knowHost(folder, port, 'host', address);
  writeFileSync(
    join(folder, 'ssh.conf'),
    `Host *\n  IdentityFile ${folder}/client\n  IdentitiesOnly yes\n  UserKnownHostsFile ${folder}/known-hosts\n`,
  );
  writeFileSync(join(bin ?? '', 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${folder}/ssh.conf "$@"\n`, { mode: 0o755 });
  const sshd = findProgram('sshd', searchPath(process.env['PATH'] ?? '')) ?? 'sshd';
  const enter = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace.name];
  const alone = ['unshare', '--mount', 'sh', '-c', SCRIPT, 'sh', etc ?? ''];
  const [first = '', ...argv] = [...enter, ...alone, sshd, '-D', '-e', '-f', join(folder, 'sshd.conf')];
  const child = spawn(first, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk) => (log += chunk));
  const isUp = await poll(() => (log.includes('Server listening on') ? true : undefined), { withinMs: 20_000 });
  if (isUp === undefined) throw new Error(`sshd does not answer: ${log}`);
  return {
    port,
    bin: bin ?? '',
    home: home ?? '',
    rootHome: rootHome ?? '',
    folder,
    path: path ?? '',
    url: (user = 'vmkit-test') => `ssh://${user}@${address}:${port}`,
    cutConnections: () => signalBelow(child.pid ?? 0, 'SIGKILL'),
    signalConnections: (signal) => signalBelow(child.pid ?? 0, signal),
    stop: () => stop(child, folder),
  };
}

/** Writes the known_hosts of the tests' ssh: the server's key is that of this name. */
export function knowHost(folder: string, port: number, key: string | undefined, address = '127.0.0.1'): void {
  const line = key === undefined ? '' : `[${address}]:${port} ${readFileSync(join(folder, `${key}.pub`), 'utf8')}`;
  writeFileSync(join(folder, 'known-hosts'), line);
}

function signalBelow(pid: number, signal: NodeJS.Signals): void {
  const file = `/proc/${pid}/task/${pid}/children`;
  const children = existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number) : [];
  for (const child of children) {
    if (!isSshd(child)) continue;
    signalBelow(child, signal);
    try {
      process.kill(child, signal);
    } catch {
      // It ended by itself.
    }
  }
}

function isSshd(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('sshd');
  } catch {
    return false;
  }
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  signalBelow(child.pid ?? 0, 'SIGKILL');
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
  await rm(folder, { recursive: true, force: true });
}
