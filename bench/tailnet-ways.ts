import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import * as z from 'zod';
import { packageRoot } from '../src/core/package-root.ts';
import { localHost } from '../src/host/local/local.ts';
import type { Traffic } from '../src/net/traffic.ts';
import { measureWay, WAY_COLUMNS, wayCells } from '../src/tailnet/measure/measured-way.ts';
import { hostPrograms } from '../test/support/tailnet/programs.ts';
import { type Joined, startTailnet, type Tailnet } from '../test/support/tailnet/tailnet.ts';

/** Measures ways through a tailnet against one another, for docs/choosing.md: `npx tsx bench/tailnet-ways.ts`, as root. Prints a row each. */

const TRAFFIC = join(packageRoot(), 'bench', 'traffic.ts');
const PORT = 5201;
const SOCKS = 1055;
const traffic = z.object({ roundTripMs: z.number(), megabytesPerSecond: z.number() });

const children: ChildProcess[] = [];

/** bench/traffic.ts in a namespace. */
function start(namespace: string, ...words: string[]): ChildProcessByStdio<null, Readable, null> {
  const argv = ['netns', 'exec', namespace, process.execPath, '--import', 'tsx', TRAFFIC, ...words];
  return spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function serve(namespace: string): Promise<{ lastSeen: () => string }> {
  const child = start(namespace, 'serve', String(PORT));
  children.push(child);
  let last = '';
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    last = line;
  });
  await once(lines, 'line');
  return { lastSeen: () => last };
}

async function measure(namespace: string, address: string, port: number, socks?: number): Promise<Traffic> {
  const child = start(namespace, 'measure', address, String(port), ...(socks === undefined ? [] : [String(socks)]));
  let printed = '';
  child.stdout.on('data', (text) => {
    printed += text;
  });
  await once(child, 'close');
  return traffic.parse(JSON.parse(printed));
}

async function row(
  way: string,
  nodes: readonly Joined[],
  seen: () => string,
  run: () => Promise<Traffic>,
): Promise<void> {
  const pids = nodes.map(({ pid }) => pid);
  console.info(`| ${wayCells(await measureWay(way, pids, seen, run, localHost())).join(' | ')} |`);
}

async function compare(tailnet: Tailnet, folder: string): Promise<void> {
  const { tailscale = '', tailscaled = '' } = await hostPrograms(['tailscale', 'tailscaled'], folder);
  const programs = { tailscale, tailscaled };
  const { lastSeen } = await serve(tailnet.peer);
  const addressOf = async (node: Joined): Promise<string> => (await node.tailscale('ip', '-4')).trim();
  await row('none: the wire itself', [], lastSeen, () => measure(tailnet.host, '10.99.1.2', PORT));
  const client = await tailnet.join({ ...programs, namespace: tailnet.host, hostname: 'client', isTun: true });
  const server = await tailnet.join({ ...programs, namespace: tailnet.peer, hostname: 'server', isTun: true });
  const address = await addressOf(server);
  const both = [client, server];
  await row('TUN to TUN', both, lastSeen, () => measure(tailnet.host, address, PORT));
  await server.tailscale('serve', '--bg', '--yes', '--tcp=5202', `tcp://127.0.0.1:${PORT}`);
  await row('TUN to `serve` under TUN', both, lastSeen, () => measure(tailnet.host, address, 5202));
  process.kill(server.pid);
  const userspace = await tailnet.join({ ...programs, namespace: tailnet.peer, hostname: 'inside', isTun: false });
  const inside = await addressOf(userspace);
  await row('TUN to userspace', [client, userspace], lastSeen, () => measure(tailnet.host, inside, PORT));
  const flags = [`--socks5-server=127.0.0.1:${SOCKS}`];
  const proxied = await tailnet.join({
    ...programs,
    namespace: tailnet.host,
    hostname: 'proxied',
    isTun: false,
    daemonFlags: flags,
  });
  await row('userspace (SOCKS5) to userspace', [proxied, userspace], lastSeen, () =>
    measure(tailnet.host, inside, PORT, SOCKS),
  );
  const again = await tailnet.join({ ...programs, namespace: tailnet.peer, hostname: 'again', isTun: true });
  const tunAgain = await addressOf(again);
  await row('userspace (SOCKS5) to TUN', [proxied, again], lastSeen, () =>
    measure(tailnet.host, tunAgain, PORT, SOCKS),
  );
}

const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-'));
const tailnet = await startTailnet();
try {
  console.info(`| ${WAY_COLUMNS.join(' | ')} |\n|${'---|'.repeat(WAY_COLUMNS.length)}`);
  await compare(tailnet, folder);
} finally {
  for (const child of children) child.kill();
  await tailnet.stop();
  await rm(folder, { recursive: true, force: true });
}
