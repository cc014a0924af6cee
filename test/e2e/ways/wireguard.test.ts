import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Verdict } from '../../../src/reach/report.ts';
import { whyNoNamespaces } from '../../support/hosts/namespaces.ts';
import { useSandbox } from '../../support/machine.ts';
import { isTurnOf, sampled, TUNNELS } from '../../support/run/sampled.ts';
import { expectVerdict } from '../../support/ways/expect-verdict.ts';
import { probed, verdictOn } from '../../support/ways/probe.ts';

const reason = whyNoNamespaces();
const HOST = `vmkit-wireguard-${process.pid}`;

const machine = (network: string, wireguard: string): string => `memory: 256MiB
data: 64MiB
network: ${network}
packages: [nftables, iproute2, wireguard-tools]
services:
  - name: page
    run: exec /run/vmkit/busybox httpd -f -p 3000 -h /etc
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000, protocol: http }]
${wireguard}`;

/**
 * Two real guests with WireGuard, one on the bridge and one on the user network, and a third one as their client, by the kernel at both ends. Each fault is put
 * into what runs, found, and taken out again; every test goes on where the one before it ended.
 */
describe
  .skipIf(reason !== undefined || !isTurnOf('wireguard', TUNNELS))
  .sequential(`WireGuard to the guest${reason === undefined ? '' : `: ${reason}`}`, () => {
    const sandbox = useSandbox(HOST);
    const onHost = (script: string) =>
      execa('ip', ['netns', 'exec', HOST, 'sh', '-c', script], { reject: false, timeout: 30_000 });
    const look = async (): Promise<string> =>
      (await onHost('ip rule; ip route show table all; nft list ruleset')).stdout;
    const inGuest = async (name: string, script: string, input?: string): Promise<string> => {
      const options = input === undefined ? {} : { input };
      const { exitCode, stdout, stderr } = await sandbox.vmkit(['exec', name, '--', 'sh', '-c', script], options);
      if (exitCode !== 0) throw new Error(`${script}: ${exitCode} ${stdout}${stderr}`);
      return stdout;
    };
    const must = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await sandbox.vmkit(args);
      if (exitCode !== 0) throw new Error(`vmkit ${args.join(' ')}: ${exitCode} ${stderr}`);
      return stdout;
    };
    const probe = async (name: string, ...args: string[]): Promise<Verdict> => {
      return verdictOn('wireguard-direct', await probed(() => sandbox.vmkit(['probe', name, ...args, '--json'])));
    };
    /** Makes the guest `away` the client of a machine, with what `vmkit client` printed, as `wg-quick strip` and `wg-quick up` do. */
    const connect = async (link: string, configuration: string): Promise<void> => {
      const value = (key: string): string => new RegExp(`^${key} = (.*)$`, 'm').exec(configuration)?.[1] ?? '';
      const stripped = configuration.replace(/^(Address|MTU) = .*\n/gm, '');
      const up = `set -e; [ -e /sys/class/net/${link} ] || ip link add ${link} type wireguard
umask 077; cat >/run/${link}.conf
wg setconf ${link} /run/${link}.conf
rm /run/${link}.conf
ip address replace ${value('Address')} dev ${link}
ip link set ${link} mtu ${value('MTU')} up
ip route replace ${value('AllowedIPs')} dev ${link}`;
      await inGuest('away', up, stripped);
    };
    const fetched = (address: string): Promise<string> =>
      inGuest('away', `/run/vmkit/busybox wget -q -T 20 -O - http://${address}:3000/hostname`);
    /** A machine's secret keys, by name. */
    const keysOf = async (name: string): Promise<ReadonlyMap<string, string>> => {
      const folder = join(sandbox.machine(name).secretsDir, 'wireguard');
      const files = await readdir(folder);
      return new Map(
        await Promise.all(files.map(async (file) => [file, await readFile(join(folder, file), 'utf8')] as const)),
      );
    };
    let before = '';
    let forPhone = '';

    const web = (clients: string): string =>
      machine(
        '{ kind: bridge, address: 192.168.100.5 }',
        `  - use: wireguard\n    clients: ${clients}\n    endpoint: 192.168.100.1\n`,
      );

    const home = (endpoint: string): string =>
      machine('{ kind: user }', `  - use: wireguard\n    port: 51821\n    address: 10.89.0.1/24\n${endpoint}`);

    beforeAll(async () => {
      await execa('ip', ['netns', 'add', HOST]);
      await onHost('ip link set lo up');
      await sandbox.define('web', web('[phone]'));
      await sandbox.define('home', home('    endpoint: 10.0.2.2\n'));
      // Its way to the others is this host's own addresses.
      await sandbox.define('away', machine('{ kind: user, world: host }', ''));
      await sandbox.prebuild('web');
      await must('host', 'setup', '--tap', 'web=192.168.100.5');
    });
    afterAll(async () => {
      await execa('ip', ['netns', 'delete', HOST], { reject: false });
    });

    test('a client has no configuration before its machine has keys, and an unknown one is told who there is', async () => {
      expect((await sandbox.vmkit(['client', 'web', 'phone'])).stderr).toContain(
        'Keys are made when the machine boots',
      );
      const unknown = await sandbox.vmkit(['client', 'web', 'phoen']);
      expect(unknown.exitCode).toBe(2);
      expect(unknown.stderr).toContain('Did you mean phone?');
    });

    test('on the user network it works at once', async () => {
      await Promise.all(['web', 'home', 'away'].map((name) => must('boot', name)));
      expectVerdict(await probe('home')).toMatchObject({ state: 'works', address: 'http://10.89.0.1:3000/' });
      expectVerdict(await probe('home', '--from', 'none')).toMatchObject({ state: 'untried' });
      expect(await probe('away')).toMatchObject({
        state: 'unavailable',
        reason: expect.stringContaining('- use: wireguard'),
      });
      const refused = await sandbox.vmkit(['expose', 'away', '--via', 'wireguard']);
      expect(refused.exitCode).toBe(6);
      expect(refused.stderr).toContain('- use: wireguard');
    });

    test('on the bridge this host sends its UDP port there, once it is told to, and once', async () => {
      before = await look();
      await sandbox.define('web', web('[phone]').replace('clients', 'port: 51821\n    clients'));
      expect((await sandbox.vmkit(['expose', 'web', '--via', 'wireguard'])).stderr).toContain(
        'UDP 51821 of the host is taken',
      );
      await sandbox.define('web', web('[phone]'));
      expect(await probe('web')).toMatchObject({ state: 'unavailable', reason: expect.stringContaining('not set up') });
      const first = await must('expose', 'web', '--via', 'wireguard');
      expect(first).toContain('http://10.88.0.1:3000/\nServed; a peer had the first byte');
      const after = await look();
      expect(after).not.toBe(before);
      expect(await must('expose', 'web', '--via', 'wireguard')).toContain('Served already');
      expect(await look()).toBe(after);
      expect((await probe('web')).firstByteMs).toBeGreaterThan(0);
    });

    test('another guest as client, by the kernel, with what `vmkit client` prints', async () => {
      forPhone = await must('client', 'web', 'phone');
      await connect('wg-web', forPhone);
      await connect('wg-home', await must('client', 'home', 'phone'));
      expect(await fetched('10.88.0.1')).toBe('web\n');
      expect(await fetched('10.89.0.1')).toBe('home\n');
      await sandbox.define('home', home(''));
      expect(await must('client', 'home', 'phone')).toContain('Endpoint = 127.0.0.1:51821\n');
      expect(await must('client', 'web', 'phone', '--qr')).toMatch(/[█▀▄]{20}/);
    });

    test.each(
      sampled(
        [
          [
            'wireguard-down',
            's6-svc -wD -T 20000 -d /run/service/wireguard',
            's6-svc -wU -T 60000 -u /run/service/wireguard',
          ],
          [
            'wireguard-unknown-client',
            'wg set wg0 peer "$(wg show wg0 allowed-ips | sed -n "s/\\t10.88.0.254.*//p")" remove',
            's6-svc -wR -T 60000 -r /run/service/wireguard',
          ],
          [
            'wireguard-other-key',
            'wg genkey >/run/other; wg set wg0 private-key /run/other; rm /run/other',
            's6-svc -wR -T 60000 -r /run/service/wireguard',
          ],
          [
            'wireguard-allowed-ips',
            'wg set wg0 peer "$(wg show wg0 allowed-ips | sed -n "s/\t10.88.0.254.*//p")" allowed-ips 10.88.0.77/32',
            's6-svc -wR -T 60000 -r /run/service/wireguard',
          ],
          [
            'backend-other-address',
            's6-svc -wD -T 9000 -d /run/service/page; /run/vmkit/busybox httpd -p 127.0.0.1:3000 -h /etc',
            'kill $(ss -Hltnp sport = 3000 | sed "s/.*pid=\\([0-9]*\\).*/\\1/"); s6-svc -wU -T 60000 -u /run/service/page',
          ],
          [
            'guest-firewall',
            'nft "table inet fault { chain in { type filter hook input priority 0; iifname wg0 drop; }; }"',
            'nft delete table inet fault',
          ],
          [
            'guest-firewall',
            'nft "table inet fault { chain in { type filter hook input priority 0; udp dport 51820 drop; }; }"',
            'nft delete table inet fault',
          ],
        ],
        2,
      ),
    )('%s', async (name, inject, mend) => {
      await inGuest('web', inject);
      const { finding } = await probe('web');
      await inGuest('web', mend);
      expect(finding?.cause).toBe(name);
    });

    test("this host's firewall drops UDP, or its rule is gone: both are named, and expose mends the second", async () => {
      await onHost(
        "nft 'table inet fault { chain out { type filter hook output priority 0; udp dport 51820 drop; }; }'",
      );
      const dropped = await probe('web');
      await onHost('nft delete table inet fault');
      expect(dropped.finding?.cause).toBe('host-firewall');
      await onHost('nft delete table ip vmkit_web_wireguard');
      expect((await probe('web')).finding?.cause).toBe('udp-not-forwarded');
      expect(await must('expose', 'web', '--via', 'wireguard')).toContain('Served; a peer had the first byte');
    });

    test('all faults are out again: no false alarm', async () => {
      for (const name of ['web', 'home']) {
        const { state, finding } = await probe(name);
        expect([name, state, finding]).toEqual([name, 'works', undefined]);
      }
    });

    test('private keys are in no log, and in no guest but the one whose they are', async () => {
      const ofWeb = await keysOf('web');
      const ofHome = await keysOf('home');
      const own = ofWeb.get('private-key') ?? '';
      const clients = [...ofWeb, ...ofHome].filter(([name]) => name !== 'private-key').map(([, key]) => key);
      expect(clients).toHaveLength(4);
      const where = (name: string, keys: string): Promise<string> =>
        inGuest(name, 'grep -rlsF -f - /run /etc /root /var /data /tmp || true', keys);
      expect(await where('web', clients.join(''))).toBe('');
      expect(await where('web', own)).toContain('/run/secrets/wireguard/wg0.conf');
      expect(await where('away', own)).toBe('');
      const inState = ['-rlF', '-f', '-', '--exclude=secrets.img', sandbox.paths.state];
      const { stdout } = await execa('grep', inState, { input: [own, ...clients].join(''), reject: false });
      expect(stdout).toBe('');
    });

    test('over a reboot keys and addresses stay, and a client that was added at the end is there', async () => {
      const former = await keysOf('web');
      await sandbox.define('web', web('[phone, laptop]'));
      expect((await sandbox.vmkit(['client', 'web', 'laptop'])).exitCode).toBe(2);
      await must('stop', 'web');
      await must('boot', 'web');
      expect(await keysOf('web')).toEqual(new Map([...former, ['client-laptop', expect.any(String)]]));
      expect(await must('client', 'web', 'phone')).toBe(forPhone);
      await connect('wg-web', forPhone);
      expect(await fetched('10.88.0.1')).toBe('web\n');
      await inGuest('away', 'ip link delete wg-web');
      await connect('wg-web', await must('client', 'web', 'laptop'));
      expect(await fetched('10.88.0.1')).toBe('web\n');
      expectVerdict(await probe('web')).toMatchObject({ state: 'works' });
    });

    test('unexpose leaves this host as it was', async () => {
      expect(await must('unexpose', 'web')).toContain('Taken back: UDP 51820 of the host');
      expect(await look()).toBe(before);
    });
  });
