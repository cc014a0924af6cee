import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Verdict, WayId } from '../../../src/reach/report.ts';
import { sshServer } from '../../support/hosts/ssh-server.ts';
import { useSandbox } from '../../support/machine.ts';
import { isAll, sampled } from '../../support/run/sampled.ts';
import { tailscalePrograms } from '../../support/tailnet/programs.ts';
import { type Joined, whyNoTailnet } from '../../support/tailnet/tailnet.ts';
import { useTailnet } from '../../support/tailnet/use-tailnet.ts';
import { expectVerdict } from '../../support/ways/expect-verdict.ts';
import { probed, verdictOn } from '../../support/ways/probe.ts';

const reason = whyNoTailnet();
const PAGE = `  - name: page
    run: exec /run/vmkit/busybox httpd -f -p 3000 -h /etc
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000, protocol: http }]
`;

/**
 * A machine without Tailscale on the bridge, and who routes to it: this host, with a real tailscaled under TUN, then another machine. Each fault is put into the
 * working router, found, and taken out again; every test goes on where the one before it ended.
 */
describe.skipIf(reason !== undefined).sequential(`subnet routers${reason === undefined ? '' : `: ${reason}`}`, () => {
  const tailnet = useTailnet();
  const sandbox = useSandbox(tailnet.host);
  let folder = '';
  let laptop: Joined;
  let away: Joined;
  let ssh: Awaited<ReturnType<typeof sshServer>>;

  const onHost = async (script: string): Promise<string> => {
    const { stdout } = await execa('ip', ['netns', 'exec', tailnet.host, 'sh', '-ec', script], { timeout: 30_000 });
    return stdout;
  };
  const env = () => ({
    env: {
      TS_AUTHKEY: `file:${tailnet.keyFile}`,
      PATH: `${laptop.bin}:${ssh.bin}:${process.env['PATH']}`,
    },
  });
  const probe = async (way: WayId, from = 'node'): Promise<Verdict> => {
    const ask = () => sandbox.vmkit(['probe', 'web', '--from', from, '--json'], env());
    return verdictOn(way, await probed(ask, tailnet));
  };
  /** Of this host: all that `expose` may change. Counters count on. */
  const look = async (): Promise<string> => {
    const network = await onHost(
      `ip rule; ip route show table all; nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'; sysctl -a 2>/dev/null | grep forwarding`,
    );
    const serve = await laptop.tailscale('serve', 'status', '--json');
    const prefs = await laptop.tailscale('debug', 'prefs');
    return `${network}\n${serve}\n${prefs.replace('"AdvertiseRoutes": []', '"AdvertiseRoutes": null')}`;
  };
  const approve = async (node: string, routes: readonly string[], joined: () => Promise<string>): Promise<void> => {
    await tailnet.control({ Do: 'approve', Node: node, Routes: routes });
    const [route] = routes;
    const allowed = async (): Promise<string> => /"AllowedIPs": \[[^\]]*/.exec(await joined())?.[0] ?? '';
    if (route === undefined) await expect.poll(allowed, { timeout: 15_000 }).not.toContain('192.168.100.');
    else await expect.poll(allowed, { timeout: 15_000 }).toContain(route);
  };
  const own = (): Promise<string> => laptop.tailscale('status', '--json', '--peers=false');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vmkit-routes-'));
    await sandbox.define(
      'web',
      `memory: 256MiB\ndata: 64MiB\nnetwork: { kind: bridge, address: 192.168.100.5 }\nservices:\n${PAGE}`,
    );
    await sandbox.define(
      'router',
      `memory: 384MiB
data: 64MiB
network: { kind: bridge, address: 192.168.100.6 }
services:
  - use: tailscale
    loginServer: ${tailnet.loginServer}
    routes: [192.168.100.0/24]
`,
    );
    for (const name of ['router', 'web']) await sandbox.prebuild(name);
    const taps = ['--tap', 'web=192.168.100.5', '--tap', 'router=192.168.100.6', '--link', 'router:web'];
    const setup = await sandbox.vmkit(['host', 'setup', ...taps]);
    if (setup.exitCode !== 0) throw new Error(setup.stderr);
    const programs = await tailscalePrograms(sandbox.folder);
    laptop = await tailnet.join({ ...programs, namespace: tailnet.host, hostname: 'laptop', isTun: true });
    away = await tailnet.join({ ...programs, namespace: tailnet.peer, hostname: 'away', isTun: true });
    ssh = await sshServer(folder, [
      'ip',
      'netns',
      'exec',
      tailnet.peer,
      'env',
      `PATH=${away.bin}:${process.env['PATH']}`,
    ]);
    const booted = await sandbox.vmkit(['boot', 'web'], env());
    if (booted.exitCode !== 0) throw new Error(booted.stderr);
  });
  afterAll(async () => {
    ssh?.close();
    if (folder !== '') await rm(folder, { recursive: true, force: true });
  });

  let before = '';
  test('this host routes, under TUN: what is not approved is named; then a peer gets the page', async () => {
    before = await look();
    const early = await sandbox.vmkit(['expose', 'web', '--via', 'subnet'], env());
    expect(early.exitCode).toBe(6);
    expect(early.stderr).toContain('192.168.100.5/32 is advertised but not approved');
    await approve('laptop', ['192.168.100.5/32'], own);
    const exposed = await sandbox.vmkit(['expose', 'web', '--via', 'subnet'], env());
    expect(exposed.stderr).not.toContain('error:');
    expect(exposed.stdout).toContain('http://192.168.100.5:3000/\n');
    expect(exposed.stdout).toContain('a peer had the first byte');
  });

  test('a peer by ssh that does not accept routes is named; once it does, it gets the page', async () => {
    await away.tailscale('set', '--accept-routes=false');
    expect((await probe('host-subnet-router', 'ssh://laptop')).finding?.cause).toBe('peer-refuses-routes');
    await away.tailscale('set', '--accept-routes');
    const works = await probe('host-subnet-router', 'ssh://laptop');
    expect(works.finding).toBeUndefined();
    expectVerdict(works).toMatchObject({ state: 'works' });
    expect(works.firstByteMs).toBeGreaterThan(0);
  });

  const forwarding = (value: 0 | 1): string => `echo ${value} >/proc/sys/net/ipv4/conf/tailscale0/forwarding`;
  const filter = (rule: string): string =>
    `nft 'table inet fault { chain forward { type filter hook forward priority 10; policy accept; ${rule}; } ; }'`;
  const mended = 'nft delete table inet fault';
  test.each(
    sampled(
      [
        ['ip-forward-off', forwarding(0), forwarding(1)],
        ['host-firewall', filter('iifname "tailscale0" counter drop'), mended],
        ['host-firewall', filter('ip daddr 192.168.100.5 drop'), mended],
        [
          'bridge-closed',
          `nft 'delete element inet vmkit_vmkit routed { "tailscale0" . 192.168.100.5 }'`,
          `nft 'add element inet vmkit_vmkit routed { "tailscale0" . 192.168.100.5 }'`,
        ],
      ],
      1,
    ),
  )('%s', async (cause, inject, mend) => {
    await onHost(inject);
    const found = await probe('host-subnet-router');
    await onHost(mend);
    expect(found.finding?.cause).toBe(cause);
    expect(found.finding?.observed).not.toBe('');
  });

  test('stateful filtering drops the answers to questions that came another way', async () => {
    // As where another router took the question: this one's connection tracking never saw it.
    await onHost(
      `nft 'table inet fault { chain raw { type filter hook prerouting priority raw; policy accept; iifname "tailscale0" notrack; } ; }'`,
    );
    await laptop.tailscale('set', '--snat-subnet-routes=false');
    const without = await probe('host-subnet-router');
    await laptop.tailscale('set', '--stateful-filtering=true');
    const found = await probe('host-subnet-router');
    await laptop.tailscale('set', '--stateful-filtering=false', '--snat-subnet-routes=true');
    await onHost(mended);
    expect(without.finding?.cause).not.toBe('stateful-filtering');
    expectVerdict(found).toMatchObject({ finding: { cause: 'stateful-filtering' } });
    expect(found.finding?.observed).toMatch(/`.*ct state.*` in the chain ip filter ts-forward ended/);
  });

  test('all faults are out again: no false alarm; unexpose leaves the host as it was', async () => {
    const works = await probe('host-subnet-router');
    expect(works.finding).toBeUndefined();
    expectVerdict(works).toMatchObject({ state: 'works' });
    const taken = await sandbox.vmkit(['unexpose', 'web'], env());
    expect(taken.stderr).toBe('');
    expect(taken.stdout).toContain('Taken back: the host advertises 192.168.100.5/32');
    await approve('laptop', [], own);
    expect(await look()).toBe(before);
  });

  test.skipIf(!isAll)('another machine routes the bridge: found, tried, and its faults are named', async () => {
    const booted = await sandbox.vmkit(['boot', 'router'], env());
    expect(booted.stderr).not.toContain('error:');
    const inRouter = async (script: string): Promise<string> =>
      (await sandbox.vmkit(['exec', 'router', '--', 'sh', '-c', script])).stdout;
    expect((await probe('guest-subnet-router')).finding?.cause).toBe('route-not-approved');
    await approve('router', ['192.168.100.0/24'], () => inRouter('tailscale status --json --peers=false'));
    const works = await probe('guest-subnet-router');
    expect(works.finding).toBeUndefined();
    expectVerdict(works).toMatchObject({ state: 'works', address: 'http://192.168.100.5:3000/' });
    const exposed = await sandbox.vmkit(['expose', 'web', '--via', 'subnet'], env());
    expect(exposed.stdout).toContain('http://192.168.100.5:3000/\nServed already');
    await inRouter(forwarding(0));
    expect((await probe('guest-subnet-router')).finding?.cause).toBe('ip-forward-off');
    await inRouter(forwarding(1));
    await inRouter(filter('iifname "tailscale0" counter drop'));
    expect((await probe('guest-subnet-router')).finding?.cause).toBe('host-firewall');
    await inRouter(mended);
  });
});
