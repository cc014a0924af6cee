import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tailscalePrograms } from '../test/support/tailnet/programs.ts';
import { type Joined, startTailnet, type Tailnet } from '../test/support/tailnet/tailnet.ts';
import { pidOf, withOwnMachines } from './machine.ts';
import { MAIN, type Timed, time } from './measure.ts';

/** A tailnet of its own in network namespaces: machines of vmkit's on this host, which is the node laptop under TUN, and a peer, away, under TUN, too. */
export interface TailnetWorld {
  readonly tailnet: Tailnet;
  readonly laptop: Joined;
  readonly away: Joined;
  /** vmkit on the host; its PATH has the host's tailscale. */
  vmkit(args: readonly string[]): Promise<Timed>;
  /** A program in the peer's namespace. */
  onPeer(argv: readonly string[]): Promise<Timed>;
  onHost(argv: readonly string[]): Promise<Timed>;
  /** Of the machine's QEMU. */
  pid(machine: string): Promise<number>;
}

const PAGE_MIB = 16;
export const PAGE_BYTES = PAGE_MIB * 1024 * 1024;

/** A machine on the bridge with a page, and a file of 16 MiB beside it. `more`: further services. */
export function machineWithPage(address: string, more: string): string {
  return `memory: 512MiB
data: 128MiB
network: { kind: bridge, address: ${address} }
services:
  - name: page
    setup: mkdir -p /tmp/site; head -c ${PAGE_MIB * 1024 * 1024} /dev/zero >/tmp/site/big; echo hello >/tmp/site/index.html
    run: exec /run/vmkit/busybox httpd -f -p 3000 -h /tmp/site
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000, protocol: http, host: ${hostPort(address)} }]
${more}`;
}

/** Each machine's own, in a namespace where nobody else listens. */
function hostPort(address: string): number {
  return 33_000 + Number(address.split('.')[3]);
}

/** Builds, sets the bridge up, joins the host and the peer, and boots all machines (name → definition), in this order. */
export async function withTailnet<T>(
  definitions: (loginServer: string) => ReadonlyMap<string, string>,
  work: (world: TailnetWorld) => Promise<T>,
): Promise<T> {
  return withOwnMachines(async (own) => {
    const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-tailnet-'));
    const tailnet = await startTailnet();
    try {
      const machines = definitions(tailnet.loginServer);
      for (const [name, text] of machines) {
        await mkdir(join(folder, 'vm', name), { recursive: true });
        await writeFile(join(folder, 'vm', name, 'vm.yaml'), `name: ${name}\n${text}`);
        await time([process.execPath, MAIN, 'build-image', name], own, folder);
      }
      const programs = await tailscalePrograms(folder);
      const laptop = await tailnet.join({ ...programs, namespace: tailnet.host, hostname: 'laptop', isTun: true });
      const away = await tailnet.join({
        ...programs,
        namespace: tailnet.peer,
        hostname: 'away',
        isTun: true,
        flags: ['--accept-routes'],
      });
      const env = { ...own, TS_AUTHKEY: `file:${tailnet.keyFile}`, PATH: `${laptop.bin}:${process.env['PATH']}` };
      const enter = (namespace: string): string[] => ['ip', 'netns', 'exec', namespace];
      const vmkit = (args: readonly string[]): Promise<Timed> =>
        time([...enter(tailnet.host), process.execPath, MAIN, ...args], env, folder);
      const taps = [...machines].flatMap(([name, text]) => {
        const [, address = ''] = /address: ([0-9.]+)/.exec(text) ?? [];
        return ['--tap', `${name}=${address}`];
      });
      const names = [...machines.keys()];
      const links = names.slice(1).flatMap((name) => ['--link', `${names[0]}:${name}`]);
      await vmkit(['host', 'setup', ...taps, ...links]);
      for (const name of names) await vmkit(['boot', name]);
      try {
        return await work({
          tailnet,
          laptop,
          away,
          vmkit,
          onPeer: (argv) => time([...enter(tailnet.peer), ...argv]),
          onHost: (argv) => time([...enter(tailnet.host), ...argv]),
          pid: (machine) => pidOf(machine, own),
        });
      } finally {
        for (const name of [...names].reverse()) await vmkit(['stop', name]).catch(console.error);
      }
    } finally {
      await tailnet.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** Dials again and again, with a new connection each time, and prints the Unix time in ms of each start, and whether a byte came within a second. */
const DIALLER = `const [address, port] = process.argv.slice(1);
const net = require('net');
(function again() {
  const start = Date.now();
  let isOver = false;
  const socket = net.connect(Number(port), address);
  const end = (ok) => {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    console.log(start + ' ' + ok);
    setTimeout(again, 50);
  };
  socket.setTimeout(1000, () => end(0));
  socket.on('error', () => end(0)).on('data', () => end(1)).on('end', () => end(0));
  socket.write('GET / HTTP/1.0\\r\\n\\r\\n');
})();`;

export interface Dialler {
  /** Seconds from that moment (Date.now()) until a dial that was begun after it got its first byte; undefined: not within the time. */
  secondsUntilBack(after: number, withinSeconds: number): Promise<number | undefined>;
  /** The longest time without a success between two moments, in seconds. */
  longestGap(from: number, to: number): number;
  stop(): Promise<void>;
}

/** A person in the peer's namespace who tries all the time. */
export function startDialler(peer: string, address: string, port: number): Dialler {
  const argv = ['netns', 'exec', peer, process.execPath, '-e', DIALLER, address, String(port)];
  const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const successes: number[] = [];
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = `${rest}${chunk.toString()}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.endsWith(' 1')) successes.push(Number(line.split(' ')[0]));
  });
  return {
    secondsUntilBack: async (after, withinSeconds) => {
      const deadline = Date.now() + withinSeconds * 1000;
      while (Date.now() < deadline) {
        const back = successes.find((start) => start >= after);
        if (back !== undefined) return (back - after) / 1000;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return undefined;
    },
    longestGap: (from, to) => {
      const moments = [from, ...successes.filter((moment) => moment > from && moment < to), to];
      return Math.max(...moments.slice(1).map((moment, at) => moment - (moments[at] ?? moment))) / 1000;
    },
    stop: async () => {
      const closed = once(child, 'close');
      child.kill();
      await closed;
    },
  };
}
