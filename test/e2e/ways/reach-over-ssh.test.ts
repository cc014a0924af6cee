import { existsSync, symlinkSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostPaths } from '../../../src/core/paths.ts';
import type { ProbeReport } from '../../../src/reach/report.ts';
import { MACHINE_PROGRAMS, type Sshd, startSshd } from '../../support/hosts/sshd.ts';
import { type Ended, useSandbox } from '../../support/machine.ts';
import { hostPrograms, tailscalePrograms } from '../../support/tailnet/programs.ts';
import { HOST_ADDRESS, type Joined, whyNoTailnet } from '../../support/tailnet/tailnet.ts';
import { useTailnet } from '../../support/tailnet/use-tailnet.ts';
import { expectVerdict } from '../../support/ways/expect-verdict.ts';
import { probed, verdictOn } from '../../support/ways/probe.ts';

const reason = whyNoTailnet();
const JOURNAL = '.local/state/vmkit/host/journal.json';
const MACHINE = `memory: 256MiB
data: 64MiB
packages: [nftables, iproute2, wireguard-tools]
services:
  - name: page
    run: exec /run/vmkit/busybox httpd -f -p 3000 -h /etc
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000, protocol: http, host: 8480 }]
  - use: wireguard
  - use: nebula
`;

/**
 * Two namespaces: in one a person sits, in the other is a server with OpenSSH's sshd, a node of the tailnet. What a verb does to the network is done to the server's
 * and is undone there; what it needs of its own runs where the person is. One guest, and every test goes on where the one before it ended.
 */
describe
  .skipIf(reason !== undefined)
  .sequential(`ways into a machine on another host${reason === undefined ? '' : `: ${reason}`}`, () => {
    const tailnet = useTailnet();
    const sandbox = useSandbox(tailnet.peer);
    let sshd: Sshd;
    let server: Joined;
    let env: Readonly<Record<string, string>> = {};

    const vmkit = (args: readonly string[], user = 'root'): Promise<Ended> =>
      sandbox.vmkit([...args, '--host', sshd.url(user)], { env });
    const must = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await vmkit(args);
      if (exitCode !== 0) throw new Error(`vmkit ${args.join(' ')}: ${exitCode} ${stdout}${stderr}`);
      return stdout;
    };
    /** All that the verbs may change of a network, but for counters and what the tailnet learns by itself. */
    const network = async (namespace: string): Promise<string> => {
      const looks = `ip rule; ip -4 route show table all; ip -br link | awk '{ print $1, $3 }'; nft -s list ruleset
        grep -rs . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/forwarding | sort`;
      return (await execa('ip', ['netns', 'exec', namespace, 'sh', '-c', looks])).stdout;
    };
    const there = (...path: string[]): string => join(sshd.rootHome, '.local/share/vmkit', ...path);
    const served = (): Promise<string> => server.tailscale('serve', 'status', '--json');

    let were: string[] = [];
    beforeAll(async () => {
      were = await readdir('/dev/shm');
      await sandbox.define('web', MACHINE);
      await sandbox.prebuild('web');
      const programs = await tailscalePrograms(sandbox.folder);
      await hostPrograms(['nebula', 'nebula-cert'], sandbox.folder);
      server = await tailnet.join({ ...programs, namespace: tailnet.host, hostname: 'server', isTun: false });
      sshd = await startSshd(
        'coreutils',
        [],
        [...MACHINE_PROGRAMS, 'chown', 'getent', 'grep', 'ip', 'nft', 'node', 'sed', 'sysctl', 'test', 'timeout', 'tr'],
        {
          namespace: { name: tailnet.host, address: HOST_ADDRESS },
        },
      );
      symlinkSync(join(server.bin, 'tailscale'), join(sshd.path, 'tailscale'));
      env = {
        PATH: `${sshd.bin}:${process.env['PATH']}`,
        XDG_RUNTIME_DIR: sshd.folder,
        TS_AUTHKEY: `file:${tailnet.keyFile}`,
      };
    });
    afterAll(async () => {
      if (sshd === undefined) return;
      await vmkit(['stop', 'web', '--within', '20']);
      await sshd.stop();
    });

    test('host setup and teardown: the server gets the network, loses it again, and this computer has none of it', async () => {
      const before = await Promise.all([network(tailnet.host), network(tailnet.peer)]);
      expect(await must('host', 'check', '--tap', 'web=192.168.100.5')).toContain('changes can be made');
      await must('host', 'setup', '--tap', 'web=192.168.100.5');
      const made = await network(tailnet.host);
      expect(made).toContain('vmkit0');
      expect(made).toContain('table inet vmkit_vmkit');
      expect(await network(tailnet.peer)).toBe(before[1]);
      expect(existsSync(join(sshd.rootHome, JOURNAL))).toBe(true);
      expect(await must('host', 'setup', '--tap', 'web=192.168.100.5')).toContain('Nothing to do');
      await must('host', 'teardown');
      expect(await Promise.all([network(tailnet.host), network(tailnet.peer)])).toEqual(before);
    });

    test('who is not root there is told so, and a TAP is to be his', async () => {
      const { exitCode, stderr } = await vmkit(['host', 'setup', '--tap', 'web=192.168.100.5'], 'vmkit-test');
      expect(exitCode).toBe(3);
      expect(stderr).toContain(`as root on ${sshd.url()}`);
      const dry = await vmkit(['host', 'setup', '--tap', 'web=192.168.100.5', '--dry-run'], 'vmkit-test');
      expect(dry.stdout).toContain(`mode tap user ${(await stat(sshd.home)).uid}`);
    });

    test("clients find the server by the name that ssh uses; the CA's key is there, 0600, and nowhere here", async () => {
      await must('boot', 'web');
      expect(await must('client', 'web', 'phone')).toContain(`Endpoint = ${HOST_ADDRESS}:51820\n`);
      expect(await must('client', 'web', 'laptop', '--via', 'nebula')).toContain(`- ${HOST_ADDRESS}:4242\n`);
      const key = there('machines/web/secrets/nebula/ca.key');
      expect((await stat(key)).mode & 0o777).toBe(0o600);
      const secret = (await readFile(key, 'utf8')).split('\n')[1] ?? '';
      expect(secret.length).toBeGreaterThan(40);
      const { stdout } = await execa('grep', ['-rlF', secret, sandbox.folder, '/dev/shm'], { reject: false });
      expect(stdout).toBe('');
    });

    const probe = (...args: string[]): Promise<ProbeReport> => probed(() => vmkit(['probe', 'web', '--json', ...args]));

    test('probe: clients here go through tunnels to the server, which the report names', async () => {
      const page = join(sandbox.folder, 'ways.html');
      const report = await probe('--html', page);
      expectVerdict(verdictOn('wireguard-direct', report)).toMatchObject({
        state: 'works',
        address: 'http://10.88.0.1:3000/',
      });
      expectVerdict(verdictOn('nebula', report)).toMatchObject({ state: 'works', address: 'http://10.89.0.1:3000/' });
      const titleOf = (from: string): string | undefined =>
        report.vantages.find(({ vantage }) => vantage === from)?.title;
      expect(titleOf('host')).toBe(`${sshd.url('root')}, a node of the tailnet`);
      expect(titleOf('peer')).toContain('node vmkit-probe-');
      expect(await readFile(page, 'utf8')).toContain(sshd.url('root'));
      const byHost = await probe('--from', 'host');
      expect(byHost.vantages.map(({ title }) => title)).toContainEqual(
        expect.stringMatching(new RegExp(`^${sshd.url('root')}, 100\\.`)),
      );
      // Tests beside this one may have folders there, too; none stays.
      const made = (await readdir('/dev/shm')).filter((name) => name.startsWith('vmkit-') && !were.includes(name));
      const stay = async (): Promise<string[]> => (await readdir('/dev/shm')).filter((name) => made.includes(name));
      await expect.poll(stay, { timeout: 60_000 }).toEqual([]);
    });

    test('expose by serve of the server, and unexpose: its node and its journal change, and nothing here', async () => {
      const before = [await served(), await network(tailnet.peer)];
      const exposed = await must('expose', 'web', '--via', 'proxy');
      expect(exposed).toContain('server.tailnet.test:8480');
      expect(exposed).toContain('a peer had the first byte');
      expect(await served()).toContain('127.0.0.1:8480');
      expectVerdict(verdictOn('host-proxy', await probe())).toMatchObject({ state: 'works' });
      expect(existsSync(hostPaths(sandbox.paths).journal)).toBe(false);
      expect(await must('unexpose', 'web')).toContain('Taken back: the host serves 8480');
      expect([await served(), await network(tailnet.peer)]).toEqual(before);
    });
  });
