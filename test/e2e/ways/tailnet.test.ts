import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../../src/net/tcp.ts';
import type { ProbeReport, Verdict, WayId } from '../../../src/reach/report.ts';
import { EXPOSED_ENTRIES } from '../../../src/spec/services/tailscale/tailscale-serve.ts';
import { ordinaryUser } from '../../support/hosts/ordinary-user.ts';
import { useSandbox } from '../../support/machine.ts';
import { isAll, sampled } from '../../support/run/sampled.ts';
import { gitRepository } from '../../support/services/git-repository.ts';
import { tailscalePrograms } from '../../support/tailnet/programs.ts';
import { type Joined, whyNoTailnet } from '../../support/tailnet/tailnet.ts';
import { useTailnet } from '../../support/tailnet/use-tailnet.ts';
import { expectVerdict } from '../../support/ways/expect-verdict.ts';
import { expectTold, faultyWorld } from '../../support/ways/fault-world.ts';
import { IN_SHORT } from '../../support/ways/faults.ts';
import { probed, verdictOn } from '../../support/ways/probe.ts';

const reason = whyNoTailnet();

/** git's own server by HTTP (git-http-backend(1)), which takes pushes, too. */
const GIT_SERVER = `  - name: git
    packages: [git]
    files:
      - path: /srv/git/cgi-bin/git
        mode: "0755"
        content: |
          #!/bin/sh
          export GIT_PROJECT_ROOT=/data/git GIT_HTTP_EXPORT_ALL=1
          exec git http-backend
    run: |
      [ -d it.git ] || git init -q --bare --initial-branch=main it.git
      git -C it.git config http.receivepack true
      exec /run/vmkit/busybox httpd -f -p 3001 -h /srv/git
    ready: { http: "http://127.0.0.1:3001/cgi-bin/git/it.git/info/refs?service=git-upload-pack" }
`;

/**
 * A machine in a real tailnet: upstream's control server, relay and STUN, and real tailscaled everywhere, in network namespaces. Each fault is put into the
 * running guest, found, and taken out again; every test goes on where the one before it ended.
 */
describe
  .skipIf(reason !== undefined)
  .sequential(`ways in from a tailnet${reason === undefined ? '' : `: ${reason}`}`, () => {
    const tailnet = useTailnet();
    const sandbox = useSandbox(tailnet.host);

    let hostPort = 0;
    let away: Joined | undefined;

    const withKey = () => ({ env: { TS_AUTHKEY: `file:${tailnet.keyFile}` } });
    const inGuest = async (script: string): Promise<string> => {
      const { exitCode, stdout, stderr } = await sandbox.vmkit(['exec', 'web', '--', 'sh', '-c', script]);
      if (exitCode !== 0) throw new Error(`${script}: ${exitCode} ${stderr}`);
      return stdout;
    };
    const probe = async (from: 'node' | 'none'): Promise<(way: WayId) => Verdict> => {
      const report = await probed(() => sandbox.vmkit(['probe', 'web', '--from', from, '--json'], withKey()), tailnet);
      return (way) => verdictOn(way, report);
    };
    /** What the way by TUN fails for, else what is told beside. */
    const cause = async (from: 'node' | 'none' = 'none'): Promise<string | undefined> => {
      const { finding, warnings } = (await probe(from))('guest-serve-tun');
      return finding?.cause ?? warnings[0]?.cause;
    };

    beforeAll(async () => {
      hostPort = await freePort();
      await sandbox.define(
        'web',
        `memory: 384MiB
data: 128MiB
network: { kind: bridge, address: 192.168.100.5 }
services:
  - name: page
    run: exec /run/vmkit/busybox httpd -f -p 3000 -h /etc
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000, protocol: http, host: ${hostPort} }]
${GIT_SERVER}  - use: tailscale
    loginServer: ${tailnet.loginServer}
    tags: ['tag:web']
    hosts: true
    serve: [{ as: tcp, port: 8443, to: 3000 }]
`,
      );
      await sandbox.prebuild('web');
      const setup = await sandbox.vmkit(['host', 'setup', '--tap', 'web=192.168.100.5']);
      if (setup.exitCode !== 0) throw new Error(setup.stderr);
    });

    test('without an auth key nothing is started', async () => {
      const { exitCode, stderr } = await sandbox.vmkit(['boot', 'web']);
      expect(exitCode).toBe(2);
      expect(stderr).toContain('TS_AUTHKEY=file:PATH');
    });

    test('a wrong key is refused by name, at once', async () => {
      const { exitCode, stderr } = await sandbox.vmkit(['boot', 'web'], { env: { TS_AUTHKEY: 'tskey-wrong' } });
      expect(exitCode).toBe(5);
      expect(stderr).toContain('vmkit-error login-failed');
      expect(stderr).toContain('invalid authkey');
      expect(stderr).not.toContain('tskey-wrong');
      await sandbox.vmkit(['stop', 'web']);
    });

    test('boots, joins, serves, and a peer gets an answer', async () => {
      const { exitCode, stderr } = await sandbox.vmkit(['boot', 'web'], withKey());
      expect(stderr).not.toContain('error:');
      expect(exitCode).toBe(0);
      await tailnet.control({ Do: 'key', Key: '' });
      const verdict = await probe('node');
      expectVerdict(verdict('guest-serve-tun')).toMatchObject({
        state: 'works',
        address: 'http://web.tailnet.test:8443/',
      });
      expect(verdict('guest-serve-tun').firstByteMs).toBeGreaterThan(0);
      expectVerdict(verdict('guest-direct')).toMatchObject({ state: 'works' });
      expectVerdict(verdict('guest-serve-userspace')).toMatchObject({ state: 'unavailable' });
    });

    test('the names of the tailnet are in its /etc/hosts', async () => {
      const address = (await inGuest('tailscale ip -4')).trim();
      expect(await inGuest('cat /etc/hosts')).toContain(`\n${address} web.tailnet.test`);
    });

    test('keeps no auth key, on the host or in the guest', async () => {
      expect(await inGuest('cat /run/secrets/tailscale/auth-key 2>/dev/null | wc -c')).toBe('0\n');
      const { stdout } = await execa('grep', ['-rl', 'tskey-for-tests', sandbox.folder], { reject: false });
      expect(stdout).toBe('');
    });

    test.skipIf(!isAll)(
      'suspended, and gone on: the same node, which a peer gets through to, and its clock is right',
      async () => {
        const who = 'cat /proc/sys/kernel/random/boot_id; tailscale ip -4';
        const before = await inGuest(who);
        await sandbox.json(['suspend', 'web']);
        await setTimeout(5_000);
        await sandbox.json(['resume', 'web']);
        const from = Date.now();
        const now = Number(await inGuest('date +%s.%N')) * 1000;
        expect(Math.max(0, from - now, now - Date.now())).toBeLessThan(500);
        const verdict = await probe('node');
        expectVerdict(verdict('guest-serve-tun')).toMatchObject({ state: 'works' });
        expectVerdict(verdict('guest-direct')).toMatchObject({ state: 'works' });
        expect(await inGuest(who)).toBe(before);
      },
    );

    test('git clone from a git server in the guest by an ordinary user elsewhere, without TUN and user namespaces: join, verify, clone, push, leave', async () => {
      const seed = join(await gitRepository(sandbox.folder), 'work');
      const push = ['git', '-C', seed, 'push', '-q', 'http://192.168.100.5:3001/cgi-bin/git/it.git', 'HEAD:main'];
      await execa('ip', ['netns', 'exec', tailnet.host, ...push]);
      const programs = await tailscalePrograms(sandbox.folder);
      const home = join(sandbox.folder, 'user');
      const user = await ordinaryUser({ namespace: tailnet.peer, home, program: sandbox.program, ...programs });
      onTestFinished(async () => void (await user.vmkit(['tailnet', 'leave'])));
      const begun = performance.now();
      const url = 'http://web:3001/cgi-bin/git/it.git';
      const words = [`--login-server=${tailnet.loginServer}`, '--hostname=ci', `--check=${url}`];
      const joined = await user.vmkit(['tailnet', 'join', '--userspace', ...words], { TS_AUTHKEY: 'tskey-for-tests' });
      expect(joined).toMatchObject({ exitCode: 0, stderr: '' });
      expect(joined.stdout.match(/^ {2}ok /gm)).toHaveLength(4);
      const clone = await user.vmkit(['tailnet', 'run', '--', 'git', 'clone', '-q', url, join(home, 'clone')]);
      expect(clone).toMatchObject({ exitCode: 0, stderr: '' });
      expect(await readFile(join(home, 'clone', 'page'), 'utf8')).toBe('hello\n');
      const back = ['git', '-C', join(home, 'clone'), 'push', '-q', 'origin', 'HEAD:other'];
      expect(await user.vmkit(['tailnet', 'run', '--', ...back])).toMatchObject({ exitCode: 0, stderr: '' });
      expect((await user.vmkit(['tailnet', 'leave'])).stdout).toContain('ci left the tailnet');
      console.info(`join, verify, clone, push, leave: ${Math.round(performance.now() - begun)} ms`);
      expect(await user.processes()).toEqual([]);
    });

    /** How serve to each address of the guest ends for a peer, and the service's own port: one row each of the table that vmkit began with. */
    const dialTable = async (): Promise<Record<string, string | undefined>> => {
      const address = await inGuest(
        'tailscale ip -4; tailscale serve --bg --yes --tcp=8444 tcp://127.0.0.1:3000 >/dev/null; tailscale serve --bg --yes --tcp=8445 tcp://10.0.2.15:3000 >/dev/null',
      );
      const [loopback, own, straight] = await Promise.all(
        [8444, 8445, 3000].map((port) => dialFromPeer(tailnet.peer, address, port)),
      );
      await inGuest('tailscale serve --tcp=8444 off; tailscale serve --tcp=8445 off');
      return { '127.0.0.1': loopback, '10.0.2.15': own, straight };
    };
    const whileDown = async (): Promise<Record<string, string | undefined>> => {
      await inGuest('ip link set lo down');
      const rows = await dialTable();
      await inGuest('ip link set lo up');
      return rows;
    };
    const LATE = expect.stringMatching(/after 1\d s$/);
    const ALL_WORK = { '127.0.0.1': 'data', '10.0.2.15': 'data', straight: 'data' };

    test('the "fwmark limitation" under TUN is loopback left down: serve times out to either address, and works with lo up', async () => {
      const programs = await tailscalePrograms(sandbox.folder);
      away = await tailnet.join({ ...programs, namespace: tailnet.peer, hostname: 'away', isTun: true });
      expect(await whileDown()).toEqual({
        '127.0.0.1': LATE,
        '10.0.2.15': LATE,
        straight: 'data',
      });
      expect(await inGuest('grep -c "i/o timeout" /run/log/tailscale/current')).not.toBe('0\n');
      expect(await dialTable()).toEqual(ALL_WORK);
    });

    test('lo down: named, with the timeout that was seen; straight to the guest still works', async () => {
      await inGuest('ip link set lo down');
      const verdict = await probe('node');
      await inGuest('ip link set lo up');
      expect(verdict('guest-serve-tun').finding).toMatchObject({
        cause: 'loopback-down',
        title: 'loopback is down in the guest',
        observed: expect.stringContaining('timed out'),
      });
      expectVerdict(verdict('guest-direct')).toMatchObject({ state: 'works' });
    });

    test.each(
      sampled(
        [
          [
            'local-rule-moved',
            'ip rule add pref 6000 lookup local; ip rule del pref 0',
            'ip rule add pref 0 lookup local; ip rule del pref 6000',
          ],
          [
            'backend-not-listening',
            's6-svc -wD -T 9000 -d /run/service/page',
            's6-svc -wU -T 60000 -u /run/service/page',
          ],
          [
            'backend-other-address',
            's6-svc -wD -T 9000 -d /run/service/page; /run/vmkit/busybox httpd -p 10.0.2.15:3000 -h /etc',
            'kill $(ss -Hltnp sport = 3000 | sed "s/.*pid=\\([0-9]*\\).*/\\1/"); s6-svc -wU -T 60000 -u /run/service/page',
          ],
          ['clock-wrong', 'date -s @$(($(date +%s) + 86400))', 'date -s @$(($(date +%s) - 86400))'],
          [
            'serve-not-configured',
            'tailscale serve reset',
            'tailscale serve --bg --yes --tcp=8443 tcp://127.0.0.1:3000',
          ],
          [
            'port-clash',
            // The entries of serve are set again by a service of their own, which ends with the daemon.
            's6-svc -wD -T 20000 -d /run/service/tailscale; /run/vmkit/busybox httpd -p 8443 -h /etc; sleep 1; s6-svc -wU -T 60000 -u /run/service/tailscale; s6-svwait -U -t 60000 /run/service/tailscale-serve',
            'kill $(ss -Hltnp sport = 8443 | sed -n "s/.*httpd.*pid=\\([0-9]*\\).*/\\1/p;s/.*busybox.*pid=\\([0-9]*\\).*/\\1/p" | head -n 1)',
          ],
          [
            'tailscaled-down',
            's6-svc -wD -T 20000 -d /run/service/tailscale',
            's6-svc -wU -T 60000 -u /run/service/tailscale',
          ],
        ],
        1,
      ),
    )('%s', async (name, inject, mend) => {
      await inGuest(inject);
      const found = await cause();
      await inGuest(mend);
      expect(found).toBe(name);
    });

    test.skipIf(!isAll)('rule 0 deleted: ssh does not answer then, and the console tells', async () => {
      // By itself it comes back: nobody can log in to mend it.
      await inGuest(
        'setsid sh -c "sleep 1; ip rule del pref 0; sleep 40; ip rule add pref 0 lookup local" >/dev/null 2>&1 &',
      );
      await setTimeout(3_000);
      const text = async (): Promise<string> => (await sandbox.vmkit(['probe', 'web', '--from', 'none'])).stdout;
      await expect.poll(text, { timeout: 60_000 }).toMatch(/(?=.*by its console)(?=.*rule 0 is missing)/s);
      await expect
        .poll(() => inGuest('true').then(() => 'back', String), { timeout: 150_000, interval: 2_000 })
        .toBe('back');
    });

    test.skipIf(!isAll)('neither relay nor direct path', async () => {
      const rules = 'table inet fault { chain out { type filter hook output priority 0; meta l4proto udp drop; }; }';
      await execa('ip', ['netns', 'exec', tailnet.host, 'nft', '-f', '-'], { input: rules });
      await tailnet.control({ Do: 'away', What: 'derp', Away: true });
      const found = await cause('node');
      await tailnet.control({ Do: 'away', What: 'derp', Away: false });
      await execa('ip', ['netns', 'exec', tailnet.host, 'nft', 'delete', 'table', 'inet', 'fault']);
      expect(found).toBe('no-path');
    });

    /** The host's network loses what is longer than a small tunnel's packets, and no relay carries them instead. */
    const narrow = async (): Promise<void> => {
      const drop = (hook: string): string =>
        `chain ${hook} { type filter hook ${hook} priority 0; meta l4proto udp udp length > 1250 drop; };`;
      const input = `table inet fault { ${drop('forward')} ${drop('output')} }`;
      await execa('ip', ['netns', 'exec', tailnet.host, 'nft', '-f', '-'], { input });
      await tailnet.control({ Do: 'away', What: 'derp', Away: true });
    };
    const wide = async (): Promise<void> => {
      await tailnet.control({ Do: 'away', What: 'derp', Away: false });
      await execa('ip', ['netns', 'exec', tailnet.host, 'nft', 'delete', 'table', 'inet', 'fault']);
    };

    test('large packets are lost on the way: the tunnel is too wide', async () => {
      await narrow();
      const found = await probe('node');
      await wide();
      expectVerdict(found('guest-serve-tun')).toMatchObject({ state: 'fails', finding: { cause: 'mtu-too-large' } });
      expectVerdict(found('guest-direct')).toMatchObject({ state: 'fails', finding: { cause: 'mtu-too-large' } });
    });

    test.skipIf(!isAll)(
      "a resolver that accept-dns broke is told beside the ways, which work; with the tailnet's working, nothing is",
      async () => {
        const servers = '/etc/resolv.conf';
        const before = await inGuest(
          `cat ${servers}; echo nameserver 10.99.0.1 >${servers}; tailscale set --accept-dns=true`,
        );
        const resolvers = async (addresses: readonly string[]): Promise<readonly string[]> => {
          await tailnet.control({ Do: 'resolvers', Resolvers: addresses });
          await expect
            .poll(() => inGuest('tailscale dns status --all'), { timeout: 20_000 })
            .toContain(addresses[0] ?? 'no');
          return (await probe('none'))('guest-serve-tun').warnings.map(({ cause }) => cause);
        };
        const healthy = await resolvers(['10.99.0.1']);
        const broken = await resolvers(['10.99.0.77']);
        await inGuest(`tailscale set --accept-dns=false; printf '%s' '${before.trim()}' >${servers}`);
        expect(healthy).toEqual([]);
        expect(broken).toEqual(['resolver-broken']);
      },
    );

    test.skipIf(!isAll).for(IN_SHORT)('and of those that only a whole tailnet has: $name', async (fault) => {
      if (away === undefined) throw new Error('It joins in a test before this one.');
      const faulty = await faultyWorld(tailnet, sandbox, away);
      // On a computer that is busy an emulated guest may be too slow to be seen.
      const report = await faulty.tell(fault, 3).finally(() => faulty.close());
      expectTold(report, fault);
    });

    test('all faults are out again: no false alarm', async () => {
      const verdict = await probe('node');
      expectVerdict(verdict('guest-serve-tun')).not.toHaveProperty('finding');
      expectVerdict(verdict('guest-direct')).not.toHaveProperty('finding');
    });

    test('without /dev/net/tun it takes userspace networking, says so, and is the same node', async () => {
      // The entries of serve are set again by a service of their own, after the node is ready.
      await inGuest(
        'mv /dev/net/tun /dev/net/away; s6-svc -wR -T 60000 -r /run/service/tailscale && s6-svwait -U -t 60000 /run/service/tailscale-serve',
      );
      const verdict = await probe('node');
      expectVerdict(verdict('guest-serve-tun')).toMatchObject({
        state: 'unavailable',
        reason: expect.stringContaining('/dev/net/tun is missing'),
      });
      expectVerdict(verdict('guest-serve-userspace')).toMatchObject({
        state: 'works',
        address: 'http://web.tailnet.test:8443/',
      });
      expectVerdict(verdict('guest-direct')).toMatchObject({ state: 'works' });
      await inGuest('ip link set lo down');
      const down = await probe('none');
      await inGuest('ip link set lo up');
      expect(down('guest-serve-userspace').finding?.cause).toBe('loopback-down');
      expect(down('guest-direct').finding?.cause).toBe('loopback-down');
    });

    test.skipIf(!isAll)(
      'the same table with userspace networking: nothing gets in with lo down, all with lo up',
      async () => {
        const { straight, ...served } = await whileDown();
        expect(served).toEqual({ '127.0.0.1': LATE, '10.0.2.15': LATE });
        expect(straight).not.toBe('data');
        expect(await dialTable()).toEqual(ALL_WORK);
      },
    );

    test('expose is idempotent, survives a reboot, and unexpose leaves serve as it was', async () => {
      await inGuest('tailscale serve reset');
      const before = await inGuest('tailscale serve status --json; ip rule; nft list tables');
      const first = await sandbox.vmkit(['expose', 'web'], withKey());
      expect(first.stdout, first.stderr).toContain('http://web.tailnet.test/\n');
      expect(first.stdout, first.stderr).toContain('a peer had the first byte');
      expect((await sandbox.vmkit(['expose', 'web'])).stdout).toContain('Served already');
      // Reset by hand and exposed again: it is on the data disk once, and is taken back once.
      await inGuest('tailscale serve reset');
      await sandbox.vmkit(['expose', 'web']);
      expect(await inGuest(`cat ${EXPOSED_ENTRIES}`)).toBe('http 80 3000\n');
      expect(await sandbox.vmkit(['unexpose', 'web'])).toMatchObject({ exitCode: 0 });
      expect(await inGuest('tailscale serve status --json; ip rule; nft list tables')).toBe(before);
      await sandbox.vmkit(['expose', 'web']);
      await sandbox.vmkit(['stop', 'web']);
      expect((await sandbox.vmkit(['boot', 'web'])).exitCode).toBe(0);
      expect((await sandbox.vmkit(['expose', 'web'])).stdout).toContain('Served already');
      const nodes = await tailnet.control({ Do: 'nodes' });
      expect(nodes).toSatisfy(
        (all: { Name: string }[]) => all.filter(({ Name }) => Name.startsWith('web')).length === 1,
      );
    });

    test('this host as the way in, by serve and as a router: set up through the journal, and taken back', async () => {
      const programs = await tailscalePrograms(sandbox.folder);
      const laptop = await tailnet.join({ ...programs, namespace: tailnet.host, hostname: 'laptop', isTun: false });
      const onHost = { env: { ...withKey().env, PATH: `${laptop.bin}:${process.env['PATH']}` } };
      const served = (): Promise<string> => laptop.tailscale('serve', 'status', '--json');
      // This host looks at itself and at the guest; what it dials of its own proves nothing.
      const byHost = await sandbox.vmkit(['probe', 'web', '--from', 'host', '--json'], onHost);
      const { ways }: ProbeReport = JSON.parse(byHost.stdout);
      expectVerdict(verdictOn('guest-serve-tun', { ways })).toMatchObject({ state: 'works' });
      expect(ways.filter(({ way }) => way.startsWith('host-')).map(({ state }) => state)).not.toContain('works');
      const before = await served();
      const { stdout, stderr } = await sandbox.vmkit(['expose', 'web', '--via', 'proxy'], onHost);
      expect(stderr).not.toContain('error:');
      expect(stdout, stderr).toContain(`laptop.tailnet.test:${hostPort}`);
      expect(stdout).toContain('a peer had the first byte');
      expect((await sandbox.vmkit(['expose', 'web', '--via', 'proxy'], onHost)).stdout).toContain('Served already');
      expect((await sandbox.vmkit(['unexpose', 'web'], onHost)).stdout).toContain('Taken back: the host serves');
      expect(await served()).toBe(before);

      // As a subnet router: until the route is approved that is what is missing.
      const prefs = (): Promise<string> => laptop.tailscale('debug', 'prefs');
      const prefsBefore = await prefs();
      const early = await sandbox.vmkit(['expose', 'web', '--via', 'subnet'], onHost);
      expect(early.exitCode).toBe(6);
      expect(early.stderr).toContain('192.168.100.5/32 is advertised but not approved');
      await tailnet.control({ Do: 'approve', Node: 'laptop', Routes: ['192.168.100.5/32'] });
      const approved = (): Promise<string> => laptop.tailscale('status', '--json', '--peers=false');
      await expect.poll(approved, { timeout: 15_000 }).toContain('192.168.100.5/32');
      const routed = await sandbox.vmkit(['expose', 'web', '--via', 'subnet'], onHost);
      expect(routed.stdout, routed.stderr).toContain('http://192.168.100.5:3000/\n');
      expect(routed.stdout, routed.stderr).toContain('a peer had the first byte');
      await sandbox.vmkit(['unexpose', 'web'], onHost);
      expect((await prefs()).replace('"AdvertiseRoutes": []', '"AdvertiseRoutes": null')).toBe(prefsBefore);

      // By itself it takes the next way where the first does not work for a peer, and leaves nothing of that.
      await inGuest('tailscale serve reset; tailscale set --shields-up=true');
      const next = await sandbox.vmkit(['expose', 'web'], onHost);
      await inGuest('tailscale set --shields-up=false');
      expect(next.stdout, next.stderr).toContain(`http://laptop.tailnet.test:${hostPort}/\n`);
      expect(await inGuest('tailscale serve status --json')).toBe('{}\n');
      await sandbox.vmkit(['unexpose', 'web'], onHost);
    });

    test('a key that expired is named, and the node stays the node that it was', async () => {
      await tailnet.control({ Do: 'expire', Expired: true });
      await expect
        .poll(() => inGuest('tailscale status --json --peers=false | grep BackendState'), { timeout: 20_000 })
        .not.toContain('Running');
      const found = await cause();
      await tailnet.control({ Do: 'expire', Expired: false });
      expect(found).toBe('key-expired');
    });

    test('logged out: named', async () => {
      await inGuest('tailscale logout');
      expect(await cause()).toBe('not-logged-in');
    });

    test.skipIf(!isAll)('mode tun without /dev/net/tun: named', async () => {
      const yaml = await readFile(join(sandbox.folder, 'vm', 'web', 'vm.yaml'), 'utf8');
      await sandbox.vmkit(['stop', 'web']);
      await sandbox.define(
        'web',
        yaml.replace('name: web\n', '').replace('- use: tailscale', '- use: tailscale\n    mode: tun'),
      );
      await tailnet.control({ Do: 'key', Key: '' });
      expect((await sandbox.vmkit(['boot', 'web'], withKey())).stderr).not.toContain('error:');
      // Just booted, it may still look for a path.
      await expect.poll(() => cause('node'), { timeout: 60_000 }).toBeUndefined();
      await inGuest('mv /dev/net/tun /dev/net/away; s6-svc -r /run/service/tailscale; sleep 1');
      expect(await cause()).toBe('tun-missing');
    });
  });

/** A dial by the peer's kernel: what came of it. Serve's own dial of its backend gives up after 10 s. */
async function dialFromPeer(namespace: string, address: string, port: number): Promise<string> {
  const script = `const start = Date.now();
const socket = require('net').connect(${port}, '${address.trim()}');
const end = (text) => { console.log(text); process.exit(0); };
socket.setTimeout(20000, () => end('timeout'));
const late = () => Math.round((Date.now() - start) / 1000) + ' s';
socket.on('data', () => end('data')).on('error', (error) => end(error.code + ' after ' + late()));
socket.on('end', () => end('end after ' + late()));
socket.write('GET / HTTP/1.0\\r\\n\\r\\n');`;
  return (await execa('ip', ['netns', 'exec', namespace, process.execPath, '-e', script])).stdout;
}
