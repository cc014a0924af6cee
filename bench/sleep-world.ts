import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { poll } from '../src/core/deadline.ts';
import { WATCH_EXIT_CODE } from '../src/tailnet/service/watch-decision.ts';
import { tailscalePrograms } from '../test/support/tailnet/programs.ts';
import { NAMESPACES, startTailnet, type Tailnet } from '../test/support/tailnet/tailnet.ts';
import { MAIN } from './measure.ts';
import { type Behind, nameServer, startBehind } from './sleep-network.ts';

/** A computer behind a router, in a tailnet by a real tailscaled of its own. */
export interface Sleeper extends Omit<Behind, 'computer' | 'remove'> {
  readonly isTun: boolean;
  /** `vmkit tailnet watch` looks at it, and it is started again where that ends, as by the units. */
  readonly isWatched: boolean;
  /** In the tailnet. */
  readonly address: string;
  /** How often it was started again. */
  restarts(): number;
  /** To its tailscaled and its watchdog: SIGSTOP for a computer that sleeps. */
  signalAll(signal: NodeJS.Signals): void;
  /** To its tailscaled alone. */
  signalDaemon(signal: NodeJS.Signals): void;
}

export interface SleepWorld {
  readonly peer: string;
  readonly sleepers: readonly Sleeper[];
  /** Whether the control server has a connection from there. */
  isControlledFrom(address: string): Promise<boolean>;
  endFirstResolver(): void;
}

/** Of the service on each of them. */
export const SERVICE_PORT = 8080;
export const RESOLVERS = ['10.96.0.1', '10.96.0.2'] as const;
const SERVICE = `require('http').createServer((_, answer) => answer.end('here\\n')).listen(${SERVICE_PORT})`;
const KINDS = [
  { isTun: true, isWatched: false },
  { isTun: false, isWatched: false },
  { isTun: true, isWatched: true },
  { isTun: false, isWatched: true },
] as const;

/** One of each kind. `patience` is the watchdogs'. Everything is gone at the end. */
export async function withSleepers<T>(patience: string, work: (world: SleepWorld) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-sleep-'));
  const undo: (() => Promise<void> | void)[] = [() => rm(folder, { recursive: true, force: true })];
  const inHub = ['netns', 'exec', NAMESPACES.hub];
  try {
    const tailnet = await startTailnet();
    undo.push(() => tailnet.stop());
    const programs = await tailscalePrograms(folder);
    const { hostname: hub, port } = new URL(tailnet.loginServer);
    // The Internet is away, and says so: tailscaled asks Tailscale's name servers, too, where one lookup failed.
    await execa('ip', ['-n', NAMESPACES.hub, 'route', 'add', 'unreachable', 'default']);
    const servers: ChildProcess[] = [];
    for (const address of RESOLVERS) {
      await execa('ip', ['-n', NAMESPACES.hub, 'address', 'add', `${address}/32`, 'dev', 'lo']);
      servers.push(nameServer(address, hub));
    }
    undo.push(() => servers.forEach((server) => void server.kill()));
    await tailnet.join({ ...programs, namespace: tailnet.peer, hostname: 'away', isTun: true });
    const sleepers: Sleeper[] = [];
    const place = {
      ...programs,
      patience,
      folder,
      keyFile: tailnet.keyFile,
      loginServer: `http://control.test:${port}`,
    };
    for (const [at, kind] of KINDS.entries()) sleepers.push(await startSleeper(at, kind, place, undo));
    // The test's control server asks for the key of known nodes, too.
    await tailnet.control({ Do: 'key', Key: '' });
    return await work({
      peer: tailnet.peer,
      sleepers,
      isControlledFrom: async (address) => {
        const filter = ['state', 'established', `sport = :${port}`, 'and', `dst ${address}`];
        return (await execa('ip', [...inHub, 'ss', '-Htn', ...filter])).stdout.trim() !== '';
      },
      endFirstResolver: () => void servers[0]?.kill(),
    });
  } finally {
    for (const each of undo.reverse()) await each();
  }
}

interface Place extends Pick<Tailnet, 'keyFile' | 'loginServer'> {
  readonly tailscale: string;
  readonly tailscaled: string;
  readonly patience: string;
  readonly folder: string;
}

async function startSleeper(
  at: number,
  { isTun, isWatched }: (typeof KINDS)[number],
  { tailscale, tailscaled, patience, folder, keyFile, loginServer }: Place,
  undo: (() => Promise<void> | void)[],
): Promise<Sleeper> {
  const { computer, remove, ...network } = await startBehind(at, RESOLVERS[0]);
  undo.push(remove);
  const own = join(folder, computer);
  await mkdir(own);
  const socket = join(own, 'tailscaled.sock');
  const inside = (argv: readonly string[]): ChildProcess =>
    spawn('ip', ['netns', 'exec', computer, ...argv], {
      stdio: ['ignore', 'ignore', 'ignore'],
      env: {
        ...process.env,
        ...{ PATH: `${join(tailscale, '..')}:${process.env['PATH']}`, XDG_STATE_HOME: own },
        ...{ TS_NO_LOGS_NO_SUPPORT: 'true', TS_DEBUG_FIREWALL_MODE: 'nftables' },
      },
    });
  const service = inside([process.execPath, '-e', SERVICE]);
  const tun = isTun ? 'tailscale0' : 'userspace-networking';
  const options = [`--state=${own}/state`, `--statedir=${own}`, `--socket=${socket}`, '--port=0'];
  const startDaemon = (): ChildProcess => inside([tailscaled, `--tun=${tun}`, ...options]);
  let daemon = startDaemon();
  await poll(async () => (existsSync(socket) ? true : undefined), { withinMs: 15_000, everyMs: 50 });
  const run = async (...args: string[]): Promise<string> =>
    (await execa(tailscale, [`--socket=${socket}`, ...args], { timeout: 60_000 })).stdout;
  const login = [`--login-server=${loginServer}`, `--auth-key=file:${keyFile}`, `--hostname=sleeper${at}`];
  await run('up', ...login, '--accept-dns=false', '--timeout=50s');
  let isOver = false;
  let restarts = 0;
  let watchdog: ChildProcess | undefined;
  const watch = async (): Promise<void> => {
    while (!isOver) {
      watchdog = inside([process.execPath, MAIN, 'tailnet', 'watch', '--socket', socket, '--patience', patience]);
      const [code]: unknown[] = await once(watchdog, 'close');
      if (isOver || code !== WATCH_EXIT_CODE) return;
      restarts += 1;
      const ended = once(daemon, 'close');
      daemon.kill('SIGKILL');
      await ended;
      daemon = startDaemon();
    }
  };
  if (isWatched) watch().catch(console.error);
  undo.push(() => {
    isOver = true;
    for (const each of [watchdog, service, daemon]) each?.kill('SIGKILL');
  });
  return {
    ...network,
    isTun,
    isWatched,
    address: (await run('ip', '-4')).trim(),
    restarts: () => restarts,
    signalAll: (signal) => [daemon, watchdog].forEach((each) => void each?.kill(signal)),
    signalDaemon: (signal) => void daemon.kill(signal),
  };
}
