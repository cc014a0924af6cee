import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { networkSteps } from '../../src/init/stage1/network-steps.ts';
import type { NetworkSpec } from '../../src/spec/networks/network-spec.ts';
import { networkOf } from '../../src/spec/networks/networks.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const BRIDGE: NetworkSpec = { kind: 'bridge', address: '192.168.100.2' };
const PRIVATE: NetworkSpec = { kind: 'private', address: '192.168.100.2', world: 'internet', hostAccess: [] };

/** Runs that part of stage 1 with a stand-in for `ip`, in a guest whose one card is `card`. What was done, and the name servers. */
async function raise(
  network: NetworkSpec,
  cards: string,
  card?: string,
): Promise<{ done: string; servers: string; hostPorts: string }> {
  const folder = await temporaryFolder();
  for (const each of ['new/etc', 'new/run/vmkit', 'sys/class/net', 'proc/sys/net/ipv6/conf/eth0'])
    mkdirSync(join(folder, each), { recursive: true });
  if (card !== undefined) mkdirSync(join(folder, 'sys/class/net', card));
  // Once it was renamed.
  const mac = networkOf(network).card?.mac;
  if (mac !== undefined) {
    mkdirSync(join(folder, 'sys/class/net/eth1'));
    writeFileSync(join(folder, 'sys/class/net/eth1/address'), `${mac}\n`);
  }
  const steps = networkSteps(network).replaceAll(/(?<=[ <>])\/(new|sys|proc)\//g, `${folder}/$1/`);
  const stubs = `ip() { echo "ip $*"; }; event_phase() { echo "phase $1"; }; fatal() { echo "fatal $*"; exit 1; }\n`;
  const variables = `cards=${cards}\nname_servers=192.168.1.1,192.168.1.2\n`;
  let done: string;
  try {
    done = execFileSync('sh', ['-c', `${stubs}${variables}${steps}`], { encoding: 'utf8' });
  } catch (error) {
    done = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
  }
  const read = (file: string): string =>
    execFileSync('sh', ['-c', 'cat "$0" 2>/dev/null; :', join(folder, 'new', file)], { encoding: 'utf8' });
  return { done, servers: read('etc/resolv.conf'), hostPorts: read('run/vmkit/host-ports') };
}

test('without a card nothing is raised, and there are no name servers to wait for', async () => {
  for (const network of [BRIDGE, PRIVATE])
    expect(await raise(network, 'none')).toMatchObject({ done: 'phase network\n', servers: '' });
});

test('a card of its own alone is the one that leads to the world, by the name and the MAC that it has elsewhere', async () => {
  const { done, servers } = await raise(BRIDGE, 'own', 'eth0');
  const card = networkOf(BRIDGE).card;
  expect(done).toContain(`ip link set eth0 name eth1 address ${card?.mac}`);
  expect(done).toContain('ip addr add 192.168.100.2/24 dev eth1');
  expect(done).toContain('ip route add default via');
  expect(done.trim().endsWith('phase network')).toBe(true);
  expect(servers).toBe('nameserver 192.168.1.1\nnameserver 192.168.1.2\n');
});

test('where the ports of the host arrive, and whom they come from, is as the monitor has it', async () => {
  expect((await raise(BRIDGE, 'own', 'eth0')).hostPorts).toBe('192.168.100.2 192.168.100.1\n');
  expect((await raise(BRIDGE, 'all', 'eth0')).hostPorts).toBe('10.0.2.15 10.0.2.2\n');
  expect((await raise(PRIVATE, 'none')).hostPorts).toBe('127.0.0.1 127.0.0.1\n');
});

test('a card that the kernel did not find, and a network that such a monitor cannot give, end the boot', async () => {
  expect((await raise(BRIDGE, 'own')).done).toContain('network-missing');
  expect((await raise(PRIVATE, 'own', 'eth0')).done).toContain('network-missing');
});
