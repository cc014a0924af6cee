import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { hostPrograms } from '../test/support/programs.ts';
import { type Joined, startTailnet, type Tailnet } from '../test/support/tailnet.ts';

/** Measures ways through a tailnet against one another, for docs/choosing.md: `npx tsx bench/tailnet-ways.ts`, as root. Prints a row each. */

const MEGABYTES = 100;
const PORT = 5201;
const SOCKS = 1055;

/** `get` sends MEGABYTES, anything else is sent back. It prints whom it sees. */
const SERVER = `require('net').createServer((c) => { console.log(c.remoteAddress); c.on('error', () => 0); c.once('data', (d) => {
  if (String(d) !== 'get') return c.end(d);
  const piece = Buffer.alloc(1 << 20); let left = ${MEGABYTES};
  const more = () => { while (left-- > 0) if (!c.write(piece)) return c.once('drain', more); c.end(); };
  more(); }); }).listen(Number(process.argv[1]), '0.0.0.0', () => console.log('ready'))`;
/** ADDRESS PORT [SOCKS]: prints the median of 15 round trips, dial included, in ms, and MB/s. */
const CLIENT = `const net = require('net'); const [address, port, socks] = process.argv.slice(1);
const dial = async () => { const c = net.connect(socks ? { host: '127.0.0.1', port: Number(socks) } : { host: address, port: Number(port) });
  await new Promise((r, j) => c.once('connect', r).once('error', j));
  if (!socks) return c; const next = () => new Promise((r, j) => c.once('data', r).once('close', () => j(new Error('closed'))));
  c.write(Buffer.from([5, 1, 0])); await next();
  c.write(Buffer.from([5, 1, 0, 1, ...address.split('.').map(Number), port >> 8, port & 255])); await next(); return c; };
const ask = async (text) => { const c = await dial(); let n = 0; c.on('data', (d) => { n += d.length; }); c.write(text); await new Promise((r) => c.once('end', r)); c.destroy(); return n; };
(async () => { await ask('warm'); const times = [];
  for (let i = 0; i < 15; i++) { const t = performance.now(); await ask('x'); times.push(performance.now() - t); }
  const t = performance.now(); const n = await ask('get'); const s = (performance.now() - t) / 1000;
  console.log(JSON.stringify({ ms: times.sort((a, b) => a - b)[7], mbs: n / 1e6 / s })); })()`;

const children: ChildProcess[] = [];

async function serve(namespace: string): Promise<{ lastSeen: () => string }> {
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', SERVER, String(PORT)]);
  children.push(child);
  let last = '';
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    last = line;
  });
  await once(lines, 'line');
  return { lastSeen: () => last };
}

async function measure(
  namespace: string,
  address: string,
  port: number,
  socks?: number,
): Promise<{ ms: number; mbs: number }> {
  const words = [address, String(port), ...(socks === undefined ? [] : [String(socks)])];
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', CLIENT, ...words]);
  let printed = '';
  child.stdout.on('data', (text) => {
    printed += text;
  });
  child.stderr.pipe(process.stderr);
  await once(child, 'close');
  return JSON.parse(printed);
}

/** Processor seconds of a process until now, user and system (proc_pid_stat(5); 100 ticks a second). */
function used({ pid }: Joined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function row(
  title: string,
  nodes: readonly Joined[],
  seen: () => string,
  run: () => Promise<{ ms: number; mbs: number }>,
): Promise<void> {
  const before = nodes.reduce((sum, node) => sum + used(node), 0);
  const { ms, mbs } = await run();
  const cpu = nodes.reduce((sum, node) => sum + used(node), 0) - before;
  const per = nodes.length === 0 ? '–' : `${((cpu * 1000) / MEGABYTES).toFixed(1)} ms`;
  console.info(
    `| ${title} | ${mbs.toFixed(0)} MB/s | ${ms.toFixed(1)} ms | ${per} | ${seen().replace('::ffff:', '')} |`,
  );
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
  console.info(
    '| way | throughput | dial and round trip | processor for 1 MB, both tailscaled | the service sees |\n|---|---|---|---|---|',
  );
  await compare(tailnet, folder);
} finally {
  for (const child of children) child.kill();
  await tailnet.stop();
  await rm(folder, { recursive: true, force: true });
}
