import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linkLocal } from '../../../src/core/addresses/ipv6.ts';
import { poll } from '../../../src/core/deadline.ts';
import { parseNameServers, readNameServers } from '../../../src/host/network/name-servers.ts';
import { linkAddresses } from '../../../src/spec/networks/link-addresses.ts';
import { macvtapNetwork } from '../../../src/spec/networks/macvtap.ts';
import { contextIn } from '../../support/context.ts';
import { whyNoNamespaces } from '../../support/hosts/namespaces.ts';
import { useSandbox } from '../../support/machine.ts';

const reason = whyNoNamespaces();
const HOST = `vmkit-bridge-${process.pid}`;
/** The world behind the host: documentation addresses (RFC 5737, RFC 3849). */
const WORLD = `vmkit-world-${process.pid}`;
const WORLD_ADDRESSES = ['198.51.100.1', '2001:db8::1'];
const LAN = 'network: { kind: macvtap, on: up0, address: 198.51.100.9/24, gateway: 198.51.100.1 }';
const DIAL =
  "require('net').connect(3000, process.argv[1]).on('error', () => process.exit(1)).on('connect', () => process.exit(0))";
const SERVER = "require('net').createServer((c) => c.end()).listen(3000, '::', () => console.log('ready'))";

const machine = (address: string, needs = ''): string => `memory: 256MiB
data: 64MiB
${needs}network: { kind: bridge, address: ${address} }
services:
  - name: page
    run: exec /run/vmkit/busybox httpd -f -p 3000 -h /etc
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000, protocol: http }]
`;

/** Real guests on a bridge, in a network namespace that is the host; every test goes on where the one before it ended. */
describe
  .skipIf(reason !== undefined)
  .sequential(`machines on the bridge${reason === undefined ? '' : `: ${reason}`}`, () => {
    const sandbox = useSandbox(HOST);
    const onHost = (...argv: string[]) =>
      execa('ip', ['netns', 'exec', HOST, ...argv], { reject: false, timeout: 30_000 });
    const look = async (): Promise<string> =>
      (
        await onHost(
          'sh',
          '-c',
          'ip rule; ip route show table all; ip -br link; nft list ruleset; sysctl -a 2>/dev/null | grep forwarding',
        )
      ).stdout;
    let before = '';
    let world: ChildProcess | undefined;

    /** A namespace behind the host that listens on port 3000 and knows no way back to machines. */
    const makeWorld = async (): Promise<void> => {
      for (const command of [
        `netns add ${WORLD}`,
        `-n ${WORLD} link set lo up`,
        `-n ${HOST} link add up0 type veth peer name up0 netns ${WORLD}`,
        `-n ${WORLD} address add 198.51.100.1/24 dev up0`,
        `-n ${WORLD} address add 2001:db8::1/64 dev up0 nodad`,
        `-n ${WORLD} link set up0 up`,
        `-n ${HOST} address add 198.51.100.2/24 dev up0`,
        `-n ${HOST} address add 2001:db8::2/64 dev up0 nodad`,
        `-n ${HOST} link set up0 addrgenmode none`,
        `-n ${HOST} link set up0 up`,
        `-n ${HOST} route add default via 198.51.100.1`,
        `-n ${HOST} route add default via 2001:db8::1`,
      ]) {
        await execa('ip', command.split(' '));
      }
      world = spawn('ip', ['netns', 'exec', WORLD, process.execPath, '-e', SERVER], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      if (world.stdout !== null) await once(world.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
    };

    /** Whether a guest gets a page there. */
    const gets = async (name: string, address: string): Promise<boolean> => {
      const dial = `/run/vmkit/busybox nc -w 3 ${address} 3000 -e /bin/true`;
      return (await sandbox.vmkit(['exec', name, '--', 'sh', '-c', dial])).exitCode === 0;
    };

    beforeAll(async () => {
      await execa('ip', ['netns', 'add', HOST]);
      await onHost('ip', 'link', 'set', 'lo', 'up');
      await makeWorld();
      await sandbox.define('one', machine('192.168.100.5'));
      await sandbox.define('two', machine('192.168.100.6', 'needs: [one]\n'));
      await sandbox.define('third', machine('192.168.100.7'));
      await sandbox.prebuild('one');
      // The kernel adds this one a moment after the interface is up.
      const isSettled = async () => ((await look()).includes('multicast ff00::/8 dev up0') ? true : undefined);
      await poll(isSettled, { withinMs: 20_000 });
      before = await look();
    });
    afterAll(async () => {
      world?.kill();
      for (const name of [HOST, WORLD]) await execa('ip', ['netns', 'delete', name], { reject: false });
    });

    test('without the bridge nothing is started, and the command that makes it is told', async () => {
      const { exitCode, stderr } = await sandbox.vmkit(['boot', 'one']);
      expect(exitCode).toBe(3);
      expect(stderr).toContain('vmkit host setup --subnet 192.168.100.0/24 --tap one=192.168.100.5');
    });

    test('this host reaches a machine by its address, IPv4 and IPv6', async () => {
      const taps = ['one=192.168.100.5', 'two=192.168.100.6', 'third=192.168.100.7'].flatMap((tap) => ['--tap', tap]);
      const setup = await sandbox.vmkit(['host', 'setup', ...taps, '--link', 'one:two']);
      expect(setup.exitCode).toBe(0);
      const { exitCode, stderr, stdout } = await sandbox.vmkit(['boot', 'two']);
      expect(stderr).not.toContain('error:');
      expect(exitCode).toBe(0);
      expect(stdout.indexOf('one is up')).toBeLessThan(stdout.indexOf('two is up'));
      const { address6 } = linkAddresses({ kind: 'bridge', address: '192.168.100.5' });
      for (const address of ['192.168.100.5', '192.168.100.6', address6]) {
        expect([address, (await onHost(process.execPath, '-e', DIAL, address)).exitCode]).toEqual([address, 0]);
      }
    });

    test('a machine reaches the one that it is linked to, by IPv4 and IPv6, and a third one nobody, whatever address it takes', async () => {
      const { address6 } = linkAddresses({ kind: 'bridge', address: '192.168.100.5' });
      expect((await sandbox.vmkit(['boot', 'third'])).exitCode).toBe(0);
      expect(await gets('two', '192.168.100.5')).toBe(true);
      expect(await gets('two', address6)).toBe(true);
      expect(await gets('third', '192.168.100.5')).toBe(false);
      // By the user network it would come from the host itself: to the bridge, and to the ports on loopback.
      await sandbox.vmkit(['exec', 'third', '--', 'ip', 'route', 'replace', '192.168.100.5', 'via', '10.0.2.2']);
      expect(await gets('third', '192.168.100.5')).toBe(false);
      await sandbox.vmkit(['exec', 'third', '--', 'ip', 'route', 'delete', '192.168.100.5']);
      // Flushed first: a second address of a subnet goes with the first one, and then the user network's route would be taken.
      const { mac } = linkAddresses({ kind: 'bridge', address: '192.168.100.6' });
      const disguise = `ip address flush dev eth1; ip link set eth1 down; ip link set eth1 address ${mac}; ip link set eth1 up
ip address add 192.168.100.6/24 dev eth1`;
      await sandbox.vmkit(['exec', 'third', '--', 'sh', '-c', disguise]);
      expect(await gets('third', '192.168.100.5')).toBe(false);
    });

    test('a machine reaches the world by the bridge, and asks the name servers of this host', async () => {
      for (const address of WORLD_ADDRESSES) expect([address, await gets('two', address)]).toEqual([address, true]);
      expect(await gets('third', '198.51.100.1')).toBe(false);
      const { stdout } = await sandbox.vmkit(['exec', 'two', '--', 'cat', '/etc/resolv.conf']);
      expect(parseNameServers(stdout)).toEqual(await readNameServers(contextIn(sandbox.folder)));
    });

    test("a machine has an address of its own on this host's network, which dials it by IPv4 and IPv6", async () => {
      await sandbox.define('lan', machine('{}').replace(/network: .*/, LAN));
      const missing = await sandbox.vmkit(['boot', 'lan']);
      expect(missing.exitCode).toBe(3);
      const [, hint = ''] = /vmkit (host setup --macvtap .*)/.exec(missing.stderr) ?? [];
      expect((await sandbox.vmkit(hint.split(' '))).exitCode).toBe(0);
      const { exitCode, stderr } = await sandbox.vmkit(['boot', 'lan']);
      expect(stderr).not.toContain('error:');
      expect(exitCode).toBe(0);
      const { card } = macvtapNetwork({ kind: 'macvtap', on: 'any', address: '198.51.100.9/24' });
      for (const address of ['198.51.100.9', `${linkLocal(card?.mac ?? '')}%up0`]) {
        const { exitCode } = await execa('ip', ['netns', 'exec', WORLD, process.execPath, '-e', DIAL, address], {
          reject: false,
          timeout: 20_000,
        });
        expect([address, exitCode]).toEqual([address, 0]);
      }
      expect(await gets('lan', '198.51.100.1')).toBe(true);
      expect((await sandbox.vmkit(['status'])).stdout).toContain('network of up0');
    });

    test('after teardown the host is as it was', async () => {
      for (const name of ['third', 'one', 'lan']) expect((await sandbox.vmkit(['stop', name])).exitCode).toBe(0);
      expect((await sandbox.vmkit(['host', 'teardown'])).exitCode).toBe(0);
      expect(await look()).toBe(before);
    });
  });
