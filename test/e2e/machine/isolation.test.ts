import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { packageRoot } from '../../../src/core/package-root.ts';
import { endProcess } from '../../../src/host/local/process/background.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { whyNoNamespaces } from '../../support/hosts/namespaces.ts';
import { useSandbox } from '../../support/machine.ts';

const reason = whyNoNamespaces();
const HOST = `vmkit-isolated-${process.pid}`;
const WORLD = `vmkit-world-${process.pid}`;
const PORT = 7000;

/** The host's services: one TCP and one UDP port on every address, a resolver on 127.0.0.53. They print who came to which address. */
const SERVICES = `const { createServer } = require('node:net'); const { createSocket } = require('node:dgram');
const say = (...words) => console.log(words.join(' ').replace('::ffff:', ''));
createServer((c) => { say('tcp', c.localAddress); c.on('error', () => 0).end('hello'); }).listen(${PORT}, '::', () => say('ready'));
for (const [type, address] of [['udp4', '0.0.0.0'], ['udp6', '::']])
  createSocket({ type, ipv6Only: type === 'udp6' }).on('message', () => say(type)).bind(${PORT}, address);
const resolver = createSocket('udp4');
resolver.on('message', (question, { port, address }) => {
  const end = question.indexOf(0, 12) + 5;
  const isA = question.readUInt16BE(end - 4) === 1;
  const answer = Buffer.from(isA ? 'c00c00010001000000050004c0000201' : '', 'hex');
  const head = Buffer.from(question.subarray(0, end));
  head.writeUInt16BE(0x8180, 2); head.writeUInt16BE(isA ? 1 : 0, 6); head.writeUInt16BE(0, 8); head.writeUInt16BE(0, 10);
  resolver.send(Buffer.concat([head, answer]), port, address);
});
if (process.argv[1] === 'resolver') resolver.bind(53, '127.0.0.53');`;

/** What is the host's, by whatever name: none of it is for a guest. */
const HOSTS_OWN = [
  ...[
    '10.0.2.2',
    '10.0.2.3',
    '10.0.2.77',
    '10.0.2.255',
    '127.0.0.1',
    '127.0.0.53',
    '127.1.2.3',
    '0.0.0.0',
    '192.0.2.2',
    '172.30.0.1',
  ],
  ...['169.254.7.7', '169.254.169.254', '255.255.255.255', '224.0.0.1'],
  ...[
    'fec0::2',
    'fec0::3',
    'fec0::77',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:192.0.2.2',
    '::127.0.0.1',
    'fd07::2',
    'fe80::2',
    'ff02::1',
  ],
  ...['64:ff9b::127.0.0.1', '2002:7f00:1::1'],
];

const definition = (network: string, hostPort: number): string => `memory: 256MiB
data: 64MiB
network: ${network}
packages: [perl-base]
services:
  - name: page
    run: exec /run/vmkit/busybox httpd -f -p 3000 -h /etc
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000, protocol: http, host: ${hostPort} }]
`;

/** Guests that try, as root, what they can; the host's services say what reached them. In namespaces of their own: a host, and the world behind its uplink. */
describe
  .skipIf(reason !== undefined)
  .sequential(`what a guest reaches${reason === undefined ? '' : `: ${reason}`}`, () => {
    const sandbox = useSandbox(HOST);
    const servers: ChildProcess[] = [];
    const seen: Record<'host' | 'world', string[]> = { host: [], world: [] };
    const ports = new Map<string, number>();

    const run = (namespace: string, script: string) => execa('ip', ['netns', 'exec', namespace, 'sh', '-ec', script]);
    const listen = async (namespace: string, lines: string[], mode: string): Promise<void> => {
      const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', SERVICES, mode]);
      servers.push(child);
      child.stdout.on('data', (chunk: Buffer) => lines.push(...chunk.toString().trim().split('\n')));
      expect(await poll(() => (lines.includes('ready') ? true : undefined), { withinMs: 10_000 })).toBe(true);
      lines.length = 0;
    };
    const inGuest = (name: string, script: string, input = '') =>
      sandbox.vmkit(['exec', name, '--', 'sh', '-c', script], { input });
    /** What a guest hears from an address, by its own kernel. */
    const heard = async (name: string, address: string, port = PORT): Promise<string> =>
      (await inGuest(name, `/run/vmkit/busybox nc -w 3 ${address} ${port} </dev/null`)).stdout;
    /** The lines of the host's services after a guest's attack. Pieces of packets, where no gate holds them back, end QEMU itself. */
    const attack = async (name: string, targets: readonly string[], dress = 'whole'): Promise<readonly string[]> => {
      seen.host.length = 0;
      const script = await readFile(join(packageRoot(), 'test', 'support', 'ways', 'attack.pl'), 'utf8');
      const { exitCode, stderr } = await inGuest(
        name,
        `cat >/tmp/a.pl; perl /tmp/a.pl ${PORT} ${dress} ${targets.join(' ')}`,
        script,
      );
      expect(stderr).toBe('');
      expect(exitCode).toBe(0);
      await wait(1_000);
      return [...new Set(seen.host)].sort();
    };
    const page = async (name: string): Promise<number> => {
      const { stdout } = await run(
        HOST,
        `curl -s -o /dev/null -m 10 -w '%{http_code}' http://127.0.0.1:${ports.get(name)}/hostname || true`,
      );
      return Number(stdout);
    };

    beforeAll(async () => {
      await mkdir(join('/etc/netns', HOST), { recursive: true });
      await writeFile(join('/etc/netns', HOST, 'resolv.conf'), 'nameserver 127.0.0.53\n');
      for (const name of [HOST, WORLD]) await execa('ip', ['netns', 'add', name]);
      await execa('ip', [
        'link',
        'add',
        'uplink',
        'netns',
        HOST,
        'type',
        'veth',
        'peer',
        'name',
        'uplink',
        'netns',
        WORLD,
      ]);
      for (const [namespace, host] of [
        [HOST, 2],
        [WORLD, 1],
      ] as const)
        await run(
          namespace,
          `ip link set lo up; ip link set uplink up
ip addr add 192.0.2.${host}/24 dev uplink; ip -6 addr add fd07::${host}/64 dev uplink nodad`,
        );
      await run(
        HOST,
        `ip addr add 169.254.7.7/16 dev uplink; ip addr add 172.30.0.1/32 dev lo
ip route add default via 192.0.2.1; ip -6 route add default via fd07::1`,
      );
      await run(
        WORLD,
        'ip addr add 169.254.169.254/16 dev uplink; ip addr add 198.51.100.1/32 dev lo; ip -6 addr add 2001:db8::1/128 dev lo',
      );
      await listen(HOST, seen.host, 'resolver');
      await listen(WORLD, seen.world, 'world');
      const machines = {
        guest: '{ kind: user }',
        narrow: `{ kind: private, address: 192.168.100.7, hostAccess: [${PORT}] }`,
        alone: '{ kind: user, world: none }',
        open: '{ kind: user, world: host }',
      };
      for (const [name, network] of Object.entries(machines)) {
        ports.set(name, await freePort());
        await sandbox.define(name, definition(network, ports.get(name) ?? 0));
      }
      await sandbox.prebuild('guest');
      for (const name of ports.keys()) {
        const { exitCode, stderr } = await sandbox.vmkit(['boot', name]);
        if (exitCode !== 0) throw new Error(stderr);
      }
    });

    afterAll(async () => {
      for (const server of servers) server.kill('SIGKILL');
      for (const name of [HOST, WORLD]) await execa('ip', ['netns', 'delete', name], { reject: false });
      await rm(join('/etc/netns', HOST), { recursive: true, force: true });
    });

    test('every forwarded port works, whatever the guest may dial', async () => {
      for (const name of ports.keys()) expect([name, await page(name)]).toEqual([name, 200]);
    });

    test('internet: the world by IPv4 and IPv6, and its names by a resolver on the host’s loopback', async () => {
      for (const address of ['192.0.2.1', '198.51.100.1', 'fd07::1', '2001:db8::1'])
        expect([address, await heard('guest', address)]).toEqual([address, 'hello']);
      expect((await inGuest('guest', 'getent ahostsv4 world.test')).stdout).toContain('192.0.2.1');
    });

    test('internet: nothing of the host, and no other machine’s port', async () => {
      seen.host.length = 0;
      for (const address of [
        '10.0.2.2',
        '192.0.2.2',
        '172.30.0.1',
        '169.254.7.7',
        '169.254.169.254',
        'fec0::2',
        'fd07::2',
      ])
        expect([address, await heard('guest', address)]).toEqual([address, '']);
      for (const port of [ports.get('open'), (await sandbox.state('open'))?.sshPort])
        expect(await heard('guest', '10.0.2.2', port)).toBe('');
      expect(seen.host).toEqual([]);
    });

    test('internet: nothing of the host by packets that a guest’s root makes; the same ones reach it with the world host', async () => {
      seen.world.length = 0;
      expect(await attack('guest', HOSTS_OWN, 'pieces')).toEqual([]);
      expect(seen.world).toEqual([]);
      const reached = await attack('open', HOSTS_OWN);
      for (const line of [
        'tcp 127.0.0.1',
        'tcp 192.0.2.2',
        'tcp 169.254.7.7',
        'tcp ::1',
        'tcp fd07::2',
        'udp4',
        'udp6',
      ])
        expect(reached).toContain(line);
      expect(seen.world).toContain('tcp 169.254.169.254');
    });

    test('an address that the host gets later is closed as well', async () => {
      await run(HOST, 'ip addr add 203.0.113.7/32 dev lo');
      await wait(1_500);
      expect(await heard('open', '203.0.113.7')).toBe('hello');
      expect(await heard('guest', '203.0.113.7')).toBe('');
    });

    test('hostAccess: this port of the loopback, and only by TCP', async () => {
      expect(await heard('narrow', '10.0.2.2')).toBe('hello');
      expect(await heard('narrow', '10.0.2.2', ports.get('open'))).toBe('');
      expect(await attack('narrow', HOSTS_OWN, 'pieces')).toEqual(['tcp 127.0.0.1']);
    });

    test('none: nothing at all', async () => {
      seen.world.length = 0;
      for (const address of ['192.0.2.1', '10.0.2.2', 'fd07::1']) expect(await heard('alone', address)).toBe('');
      expect(await attack('alone', [...HOSTS_OWN, '192.0.2.1', 'fd07::1', '198.51.100.1'])).toEqual([]);
      expect(seen.world).toEqual([]);
    });

    test('host: the loopback, on purpose', async () => {
      for (const address of ['10.0.2.2', 'fec0::2', '192.0.2.2', '192.0.2.1'])
        expect([address, await heard('open', address)]).toEqual([address, 'hello']);
    });

    test('a gate that was killed leaves the guest closed, is named, and is started again by boot', async () => {
      const gate = (await sandbox.state('guest'))?.gate;
      if (gate === undefined) throw new Error('No gate.');
      endProcess(gate, 'SIGKILL');
      await expect.poll(() => page('guest'), { timeout: 30_000 }).toBe(0);
      expect((await sandbox.vmkit(['status', 'guest'])).stdout).toContain('Its gate to the network has ended');
      expect((await sandbox.vmkit(['boot', 'guest'])).exitCode).toBe(0);
      expect(await page('guest')).toBe(200);
      expect(await heard('guest', '198.51.100.1')).toBe('hello');
      expect(await heard('guest', '10.0.2.2')).toBe('');
    });

    test('the gate ends with its machine', async () => {
      const gate = (await sandbox.state('narrow'))?.gate;
      expect((await sandbox.vmkit(['stop', 'narrow'])).exitCode).toBe(0);
      expect(gate !== undefined && endProcess(gate, 'SIGKILL')).toBe(false);
    });
  });
