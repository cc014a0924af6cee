import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poll } from '../src/core/deadline.ts';
import { hostPrograms } from '../test/support/tailnet/programs.ts';
import { time } from './measure.ts';
import type { TailnetWorld } from './tailnet-world.ts';

/** WireGuard in user space, as a phone has it; this host's kernel may have none. */
const WIREGUARD_GO = 'golang.zx2c4.com/wireguard@v0.0.0-20260522210424-ecfc5a8d5446';
/** The bench's host, as the peer finds it (test/support/tailnet/tailnet.ts). */
const ENDPOINT = '10.99.0.2';

/** Services of a machine that clients reach by tunnels of its own. */
export const OVERLAYS = `  - use: wireguard
    endpoint: ${ENDPOINT}
  - use: nebula
    endpoint: ${ENDPOINT}
`;

/** Real clients at the peer: processes that hold a tunnel each, and where it leads. */
export interface Overlays {
  readonly addresses: readonly { readonly name: string; readonly address: string }[];
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Exposes the machine by both, and connects a client of each with the configuration that `vmkit client` prints. */
export async function overlayClients(world: TailnetWorld, machine: string): Promise<Overlays> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-overlay-'));
  const running: ChildProcess[] = [];
  const start = (argv: readonly string[], env: Record<string, string> = {}): void => {
    const child = spawn('ip', ['netns', 'exec', world.tailnet.peer, ...argv], {
      stdio: 'ignore',
      env: { ...process.env, ...env },
    });
    running.push(child);
  };
  for (const via of ['wireguard', 'nebula']) await world.vmkit(['expose', machine, '--via', via]);

  const wireguard = (await world.vmkit(['client', machine, 'phone'])).stdout;
  await time(['go', 'install', WIREGUARD_GO], { GOBIN: folder });
  start([join(folder, 'wireguard'), '--foreground', 'wg9']);
  await configureWireguard(wireguard);
  for (const args of [
    ['address', 'add', '10.88.0.2/24', 'dev', 'wg9'],
    ['link', 'set', 'wg9', 'mtu', '1420', 'up'],
  ]) {
    await world.onPeer(['ip', ...args]);
  }

  const file = join(folder, 'nebula.yml');
  await writeFile(file, (await world.vmkit(['client', machine, 'laptop', '--via', 'nebula'])).stdout, { mode: 0o600 });
  const { nebula } = await hostPrograms(['nebula'], folder);
  start([nebula ?? '', '-config', file]);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  return {
    addresses: [
      { name: 'WireGuard, kernel in the guest, wireguard-go at the peer', address: '10.88.0.1' },
      { name: 'Nebula', address: '10.89.0.1' },
    ],
    pids: running.flatMap(({ pid }) => pid ?? []),
    stop: async () => {
      for (const child of running) child.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** By its own socket (wireguard.com, "Cross-platform Interface"): keys as hexadecimal numbers. */
async function configureWireguard(configuration: string): Promise<void> {
  const path = '/var/run/wireguard/wg9.sock';
  await poll(() => (existsSync(path) ? true : undefined), { withinMs: 10_000 });
  const value = (name: string): string => new RegExp(`^${name} = (.*)$`, 'm').exec(configuration)?.[1] ?? '';
  const hex = (name: string): string => Buffer.from(value(name), 'base64').toString('hex');
  const lines = [
    'set=1',
    `private_key=${hex('PrivateKey')}`,
    `public_key=${hex('PublicKey')}`,
    `endpoint=${value('Endpoint')}`,
    `allowed_ip=${value('AllowedIPs')}`,
    'persistent_keepalive_interval=25',
  ];
  await new Promise<void>((resolve, reject) => {
    const socket = connect(path, () => void socket.write(`${lines.join('\n')}\n\n`));
    socket.once('error', reject);
    socket.once('data', (answer) => {
      socket.destroy();
      if (answer.toString().includes('errno=0')) resolve();
      else reject(new Error(`wireguard-go: ${answer.toString().trim()}`));
    });
  });
}
