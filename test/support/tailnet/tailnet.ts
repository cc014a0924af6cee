import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import * as z from 'zod';
import { poll } from '../../../src/core/deadline.ts';
import { packageRoot } from '../../../src/core/package-root.ts';
import { resolvePaths } from '../../../src/core/paths.ts';
import { isProgram, searchPath } from '../../../src/host/local/search-path.ts';

const HUB = '10.99.0.1';
/** Of the namespace `host`. */
export const HOST_ADDRESS = '10.99.0.2';
const PEER_GATEWAY = '10.99.1.1';
const PEER = '10.99.1.2';

/** A tailnet of a test's own: upstream's control server, a relay and STUN in one network namespace, vmkit's host in another. */
export interface Tailnet {
  /** The namespace in which vmkit and QEMU run; it reaches the tailnet's servers and nothing else. */
  readonly host: string;
  readonly loginServer: string;
  /** A file, 0600, with the key that every login must give. */
  readonly keyFile: string;
  /** Another namespace, which reaches the tailnet's servers, and the host through them. */
  readonly peer: string;
  /** Puts a namespace into the tailnet, by a real tailscaled of its own. */
  join(member: Member): Promise<Joined>;
  /** Sends a command to the control server (test/tailnet/main.go), and waits for its answer. */
  control(command: Readonly<Record<string, unknown>>): Promise<unknown>;
}

export interface Member {
  readonly namespace: string;
  readonly hostname: string;
  readonly tailscale: string;
  readonly tailscaled: string;
  readonly isTun: boolean;
  /** Of `tailscale up`. */
  readonly flags?: readonly string[];
  /** Of its tailscaled. */
  readonly daemonFlags?: readonly string[];
  /** Its tailscaled is no more than the unit of `vmkit tailnet service` lets it be: a user of its own with CAP_NET_ADMIN and CAP_NET_RAW. */
  readonly hasFewRights?: boolean;
}

export interface Joined {
  /** A folder with its `tailscale`, for PATH. */
  readonly bin: string;
  /** Of its tailscaled. */
  readonly pid: number;
  tailscale(...args: string[]): Promise<string>;
}

/** Why there can be no tailnet here, or undefined. */
export function whyNoTailnet(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces';
  const folders = searchPath(process.env['PATH'] ?? '');
  const missing = ['ip', 'nft', 'go'].filter((name) => !isProgram(name, folders));
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}

/** The namespaces of this process's tailnet: their names are known before it is there. */
export const NAMESPACES = {
  hub: `vmkit-hub-${process.pid}`,
  host: `vmkit-host-${process.pid}`,
  peer: `vmkit-peer-${process.pid}`,
} as const;

/** Makes the namespaces and starts the servers. Call `stop` at the end: everything is gone then. */
export async function startTailnet(): Promise<Tailnet & { stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-tailnet-'));
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, 'tskey-for-tests\n', { mode: 0o600 });
  const program = join(folder, 'tailnet');
  await buildServer(program);
  await makeNamespaces();
  const server = spawn('ip', ['netns', 'exec', NAMESPACES.hub, program, HUB], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, VMKIT_TEST_AUTH_KEY: 'tskey-for-tests' },
  });
  const answers = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('The control server did not answer.')), 30_000).unref();
    });
    return JSON.parse((await Promise.race([answers.next(), late])).value);
  };
  const { loginServer } = greeting.parse(await next());
  const daemons: ChildProcess[] = [];
  return {
    ...NAMESPACES,
    loginServer,
    keyFile,
    join: (member) => joinMember(member, { folder, loginServer, keyFile, daemons }),
    control: async (command) => {
      server.stdin.write(`${JSON.stringify(command)}\n`);
      return next();
    },
    stop: async () => {
      for (const daemon of daemons) daemon.kill();
      server.stdin.end();
      server.kill();
      for (const name of Object.values(NAMESPACES)) await execa('ip', ['netns', 'delete', name], { reject: false });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const greeting = z.object({ loginServer: z.string() });

interface Place extends Pick<Tailnet, 'loginServer' | 'keyFile'> {
  readonly folder: string;
  readonly daemons: ChildProcess[];
}

async function joinMember(
  { namespace, hostname, tailscale, tailscaled, isTun, flags = [], daemonFlags = [], hasFewRights = false }: Member,
  { folder, loginServer, keyFile, daemons }: Place,
): Promise<Joined> {
  const own = await mkdtemp(join(folder, `${hostname}-`));
  const socket = join(own, 'tailscaled.sock');
  const options = [
    `--tun=${isTun ? 'tailscale0' : 'userspace-networking'}`,
    '--state=mem:',
    `--statedir=${own}`,
    `--socket=${socket}`,
    '--port=0',
    ...daemonFlags,
  ];
  const start = hasFewRights ? await fewRights(tailscaled, own, folder) : [tailscaled];
  const daemon = spawn('ip', ['netns', 'exec', namespace, ...start, ...options], {
    stdio: 'ignore',
    env: { ...process.env, TS_NO_LOGS_NO_SUPPORT: 'true', TS_DEBUG_FIREWALL_MODE: 'nftables' },
  });
  daemons.push(daemon);
  await writeFile(join(own, 'tailscale'), `#!/bin/sh\nexec ${tailscale} --socket=${socket} "$@"\n`, { mode: 0o755 });
  const run = async (...args: string[]): Promise<string> =>
    (await execa(join(own, 'tailscale'), args, { timeout: 40_000 })).stdout;
  const up = [`--login-server=${loginServer}`, `--auth-key=file:${keyFile}`, `--hostname=${hostname}`];
  // The daemon makes its socket first.
  await poll(async () => (existsSync(socket) ? true : undefined), { withinMs: 15_000, everyMs: 50 });
  await run('up', ...up, '--accept-dns=false', '--timeout=30s', ...flags);
  return { bin: own, pid: daemon.pid ?? 0, tailscale: run };
}

/** Nobody has this number. */
const DAEMON_USER = 61_238;

/** The start of its argv. Its program is copied to where that user gets. */
async function fewRights(tailscaled: string, own: string, folder: string): Promise<readonly string[]> {
  await copyFile(tailscaled, join(own, 'tailscaled'));
  await chmod(folder, 0o711);
  await chown(own, DAEMON_USER, DAEMON_USER);
  const kept = '-all,+net_admin,+net_raw';
  const rights = [`--inh-caps=${kept}`, `--ambient-caps=${kept}`, `--bounding-set=${kept}`, '--no-new-privs'];
  const user = [`--reuid=${DAEMON_USER}`, `--regid=${DAEMON_USER}`, '--clear-groups'];
  return ['setpriv', ...user, ...rights, join(own, 'tailscaled')];
}

/** With the flags and the module cache of the components, so that Go compiles Tailscale once. */
async function buildServer(program: string): Promise<void> {
  await mkdir(join(program, '..'), { recursive: true });
  await execa('go', ['build', '-o', program, '.'], {
    cwd: join(packageRoot(), 'test', 'tailnet'),
    env: {
      CGO_ENABLED: '0',
      GOFLAGS: '-mod=mod -trimpath -modcacherw',
      GOMODCACHE: join(resolvePaths().cache, 'go-modules'),
    },
    timeout: 1_200_000,
  });
}

async function makeNamespaces(): Promise<void> {
  const { hub, host, peer } = NAMESPACES;
  const commands = [
    ['ip', 'netns', 'add', hub],
    ['ip', 'netns', 'add', host],
    ['ip', '-n', hub, 'link', 'set', 'lo', 'up'],
    ['ip', '-n', host, 'link', 'set', 'lo', 'up'],
    ['ip', '-n', hub, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host],
    ['ip', '-n', hub, 'address', 'add', `${HUB}/24`, 'dev', 'eth0'],
    ['ip', '-n', host, 'address', 'add', `${HOST_ADDRESS}/24`, 'dev', 'eth0'],
    ['ip', '-n', hub, 'link', 'set', 'eth0', 'up'],
    ['ip', '-n', host, 'link', 'set', 'eth0', 'up'],
    ['ip', '-n', host, 'route', 'add', 'default', 'via', HUB],
    ['ip', 'netns', 'add', peer],
    ['ip', '-n', peer, 'link', 'set', 'lo', 'up'],
    ['ip', '-n', hub, 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', peer],
    ['ip', '-n', hub, 'address', 'add', `${PEER_GATEWAY}/24`, 'dev', 'eth1'],
    ['ip', '-n', peer, 'address', 'add', `${PEER}/24`, 'dev', 'eth0'],
    ['ip', '-n', hub, 'link', 'set', 'eth1', 'up'],
    ['ip', '-n', peer, 'link', 'set', 'eth0', 'up'],
    ['ip', '-n', peer, 'route', 'add', 'default', 'via', PEER_GATEWAY],
    ['ip', 'netns', 'exec', hub, 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1'],
  ];
  for (const [program = '', ...args] of commands) await execa(program, args);
}
