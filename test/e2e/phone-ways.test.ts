import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { resolvePaths } from '../../src/core/paths.ts';
import type { Verdict, WayId } from '../../src/reach/report.ts';
import { crosvmWith, emulatedGuest } from '../android/crosvm-guest.ts';
import { type Phone, startPhone, whyNoPhone } from '../android/phone.ts';
import { expectVerdict } from '../support/expect-verdict.ts';
import { useSandbox } from '../support/machine.ts';
import { probed, verdictOn } from '../support/probe.ts';
import { tailscalePrograms } from '../support/programs.ts';
import { sshServer } from '../support/ssh-server.ts';
import { type Joined, NAMESPACES, whyNoTailnet } from '../support/tailnet.ts';
import { useTailnet } from '../support/use-tailnet.ts';

const reason =
  whyNoPhone() ??
  whyNoTailnet() ??
  (process.env['VMKIT_TEST_ALL'] === '1' ? undefined : 'takes minutes: VMKIT_TEST_ALL=1');
const GUEST = '192.168.100.2';
/** The phone's own address in its mobile network, by which adb and the tailnet's servers are reached. */
const MOBILE = '10.99.2.2';
/** Of the tunnel of a WireGuard app: of the phone, and of the peer. */
const TUNNEL = ['10.66.0.2', '10.66.0.1'] as const;

/**
 * A machine on a phone of the lab, in a tailnet with real tailscaleds: in the guest, as the phone's own, as the peer. A STAND-IN for Tailscale's app is a real tailscaled by userspace
 * networking, whose address an interface tun0 has; one for WireGuard's is a pair of interfaces. Every test goes on where the one before it ended.
 */
describe.skipIf(reason !== undefined).sequential('ways into a machine on a phone', () => {
  const tailnet = useTailnet();
  const sandbox = useSandbox(tailnet.host);
  let folder = '';
  let phone: Phone;
  let away: Joined;
  let ssh: Awaited<ReturnType<typeof sshServer>>;
  const inPhone = async (script: string): Promise<string> =>
    (await execa('ip', ['netns', 'exec', phone.namespace, 'sh', '-ec', script], { timeout: 30_000 })).stdout;
  const vmkitOn = (...args: string[]) =>
    sandbox.vmkit(['--host', `adb:${MOBILE}:5555`, ...args], {
      env: { TS_AUTHKEY: `file:${tailnet.keyFile}`, PATH: `${ssh.bin}:${process.env['PATH']}` },
    });
  const works = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await vmkitOn(...args);
    expect(exitCode, `${args.join(' ')}: ${stdout}${stderr}`).toBe(0);
    return `${stdout}${stderr}`;
  };
  const probe = async (way: WayId, from = 'node'): Promise<Verdict> =>
    verdictOn(way, await probed(() => vmkitOn('probe', 'web', '--from', from, '--json')));
  const supervisor = (signal: 'STOP' | 'CONT') => inPhone(`kill -${signal} $(cat ${phone.folder}/data/adb/vmkit/pid)`);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vmkit-phone-ways-'));
    await sandbox.define(
      'web',
      `memory: 384MiB
data: 64MiB
network: { kind: bridge, address: ${GUEST} }
services:
  - use: tailscale
    loginServer: ${tailnet.loginServer}
  - name: page
    run: exec /run/vmkit/busybox httpd -f -p 3000 -h /etc
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000, host: 13000, protocol: http }]
`,
    );
    await sandbox.prebuild('web');
    // The phone of the lab has a home of its own.
    vi.stubEnv('XDG_CACHE_HOME', join(resolvePaths().cache, '..'));
    phone = await startPhone({ hasMachines: true });
    phone.crosvm(crosvmWith(emulatedGuest(process.pid, join(phone.folder, 'data'))));
    const link = `link add phone type veth peer name rmnet0 netns ${phone.namespace}`;
    const script = `ip -n ${NAMESPACES.hub} ${link}
ip -n ${NAMESPACES.hub} addr add 10.99.2.1/24 dev phone; ip -n ${NAMESPACES.hub} link set phone up
ip -n ${phone.namespace} link add tun9 type veth peer name wg netns ${NAMESPACES.peer}
ip -n ${NAMESPACES.peer} addr add ${TUNNEL[1]}/24 dev wg; ip -n ${NAMESPACES.peer} link set wg up`;
    await execa('sh', ['-ec', script]);
    await inPhone(`ip addr add ${MOBILE}/24 dev rmnet0; ip link set rmnet0 up
table=$((1000 + $(cat /sys/class/net/rmnet0/ifindex)))
ip route add default via 10.99.2.1 dev rmnet0 table $table
ip rule add pref 31000 fwmark 0x0/0xffff iif lo lookup $table`);
    const programs = await tailscalePrograms(sandbox.folder);
    away = await tailnet.join({ ...programs, namespace: tailnet.peer, hostname: 'away', isTun: true });
    const peer = ['ip', 'netns', 'exec', tailnet.peer, 'env', `PATH=${away.bin}:${process.env['PATH']}`];
    ssh = await sshServer(folder, peer);
    await works('host', 'setup', '--tap', `web=${GUEST}`);
    await works('boot', 'web');
  });
  afterAll(async () => {
    ssh?.close();
    await execa('ip', ['netns', 'exec', tailnet.host, 'adb', 'kill-server'], { reject: false });
    await phone?.stop();
    if (folder !== '') await rm(folder, { recursive: true, force: true });
  });

  test('in the guest: straight, and by serve that expose sets up', async () => {
    expectVerdict(await probe('guest-direct')).toMatchObject({ state: 'works' });
    expect((await probe('guest-serve-tun')).finding?.cause).toBe('serve-not-configured');
    expect(await works('expose', 'web', '--via', 'guest')).toContain('a peer had the first byte');
    expectVerdict(await probe('guest-serve-tun')).toMatchObject({ state: 'works' });
  });

  test('what the phone does to the packets is named at a peer, and over again it works', async () => {
    await supervisor('STOP');
    await inPhone('echo 0 >/proc/sys/net/ipv4/ip_forward');
    // The guest's connections to the tailnet's servers end, too.
    await expect
      .poll(async () => (await probe('guest-direct')).finding?.cause, { timeout: 120_000 })
      .toBe('phone-forward-reset');
    await supervisor('CONT');
    await expect.poll(async () => (await probe('guest-direct')).state, { timeout: 120_000 }).toBe('works');
  });

  test("the phone's own node: refused without it with the command for it; then serve, and a route", async () => {
    const refused = await vmkitOn('expose', 'web', '--via', 'proxy');
    expect(refused.stderr).toContain('vmkit host setup --tailnet');
    const setup = ['host', 'setup', '--tap', `web=${GUEST}`, `--tailnet=${tailnet.loginServer}`];
    expect(await works(...setup)).toMatch(/ is 100\.\S+ in the tailnet/);
    expect(await works(...setup)).toContain('Nothing');
    expect(await works('expose', 'web', '--via', 'proxy')).toContain('a peer had the first byte');
    expectVerdict(await probe('host-proxy')).toMatchObject({ state: 'works' });
    const early = await vmkitOn('expose', 'web', '--via', 'subnet');
    expect(early.stderr).toContain(`${GUEST}/32 is advertised but not approved`);
    await tailnet.control({ Do: 'approve', Node: '1-vmkit', Routes: [`${GUEST}/32`] });
    const route = async () => (await probe('host-subnet-router')).state;
    await expect.poll(route, { timeout: 60_000 }).toBe('works');
    // It is the supervisor's: killed, it comes back, and is who it was.
    await inPhone(`kill -9 $(cat ${phone.folder}/data/adb/vmkit/tailnet/pid)`);
    await expect.poll(route, { timeout: 60_000 }).toBe('works');
    await works('unexpose', 'web');
    await tailnet.control({ Do: 'approve', Node: '1-vmkit', Routes: [] });
    expect((await probe('host-proxy')).state).toBe('unavailable');
  });

  test('the Tailscale app: not connected, not routing, with the guide; then it works', async () => {
    expect((await probe('phone-app-router')).reason).toBe('the phone has no Tailscale app');
    phone.program('pm', '#!/bin/sh\necho package:/data/app/com.tailscale.ipn/base.apk\n');
    expect((await probe('phone-app-router')).finding?.cause).toBe('app-not-connected');
    const programs = await tailscalePrograms(sandbox.folder);
    const app = await tailnet.join({ ...programs, namespace: phone.namespace, hostname: 'app', isTun: false });
    const [address] = (await app.tailscale('ip', '-4')).split('\n');
    await inPhone(`ip tuntap add tun0 mode tun; ip addr add ${address}/32 dev tun0; ip link set tun0 up`);
    const early = await vmkitOn('expose', 'web', '--via', 'app');
    expect(early.exitCode).toBe(6);
    expect(early.stderr).toContain(`Subnet routing, advertise ${GUEST}/32`);
    await app.tailscale('set', `--advertise-routes=${GUEST}/32`);
    await tailnet.control({ Do: 'approve', Node: 'app', Routes: [`${GUEST}/32`] });
    await expect.poll(async () => (await probe('phone-app-router')).state, { timeout: 60_000 }).toBe('works');
    expect(await works('expose', 'web', '--via', 'app')).toContain(`http://${GUEST}:3000/`);
    await inPhone('ip link delete tun0');
  });

  test("a port of the phone's at the address that WireGuard's app has, for a peer in that VPN", async () => {
    expect((await vmkitOn('expose', 'web', '--via', 'port')).stderr).toContain('no app of the phone has a VPN on');
    await inPhone(`ip addr add ${TUNNEL[0]}/24 dev tun9; ip link set tun9 up`);
    expect(await works('expose', 'web', '--via', 'port')).toContain(`http://${TUNNEL[0]}:3000/`);
    expectVerdict(await probe('phone-port', 'ssh://laptop')).toMatchObject({ state: 'works' });
    expect((await probe('phone-port')).reason).toContain("is no tailnet's");
    await works('unexpose', 'web');
    await expect.poll(() => inPhone('ss -ltnH sport = 3000'), { timeout: 20_000 }).toBe('');
  });

  test('adbd ends, and what it did not hold works on; teardown takes back the node, too', async () => {
    await phone.restart();
    expectVerdict(await probe('guest-direct')).toMatchObject({ state: 'works' });
    await works('stop', 'web');
    expect((await vmkitOn('probe', 'web')).stderr).toContain('web is not running');
    await works('host', 'teardown');
    expect(await inPhone(`ls ${phone.folder}/data/adb/vmkit`)).not.toMatch(/tailnet|bin|ports|doors/);
    expect(await inPhone('ip rule')).not.toContain('9000:');
  });
});
