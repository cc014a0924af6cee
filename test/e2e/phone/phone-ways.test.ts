import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { resolvePaths } from '../../../src/core/paths.ts';
import { hostFrom } from '../../../src/host/host-from.ts';
import type { Target } from '../../../src/reach/facts.ts';
import type { Verdict, WayId } from '../../../src/reach/report.ts';
import type { Via } from '../../../src/reach/vias.ts';
import { tearDownHost } from '../../../src/verbs/host/host-network.ts';
import { setUpPhone } from '../../../src/verbs/phone/phone-network.ts';
import { joinPhone } from '../../../src/verbs/phone/phone-tailnet.ts';
import { expose, unexpose } from '../../../src/verbs/reach/expose.ts';
import { probe } from '../../../src/verbs/reach/probe.ts';
import type { VerbContext } from '../../../src/verbs/step.ts';
import { bootWords } from '../../android/boot-words.ts';
import { crosvmWith, speakingGuest } from '../../android/crosvm-guest.ts';
import { type Phone, startPhone, whyNoPhone } from '../../android/phone.ts';
import { GUEST, NETWORK, sql } from '../../android/rooted-phone.ts';
import { connectTunnel, phoneInTailnet, TUNNEL } from '../../android/tailnet-phone.ts';
import { contextIn } from '../../support/context.ts';
import { sshServer } from '../../support/hosts/ssh-server.ts';
import { isAll } from '../../support/run/sampled.ts';
import { tailscalePrograms } from '../../support/tailnet/programs.ts';
import { type Joined, whyNoTailnet } from '../../support/tailnet/tailnet.ts';
import { useTailnet } from '../../support/tailnet/use-tailnet.ts';
import { verdictOn } from '../../support/ways/probe.ts';

const reason = whyNoPhone() ?? whyNoTailnet() ?? (isAll ? undefined : 'takes minutes: VMKIT_TEST_ALL=1');
const target: Target = {
  ...{ machine: 'sql', name: 'page', port: 3000, protocol: 'http' },
  ...{ hostPort: 13_000, bridgeAddress: GUEST },
};

/**
 * Ways by the phone itself to a machine that is a guest of words: its address is the phone's own, and so is its page. The phone's node, its supervisor, the control server and the peer are
 * real. A STAND-IN for Tailscale's app is another real tailscaled, whose address an interface tun0 has. Every test goes on where the one before it ended.
 */
describe.skipIf(reason !== undefined).sequential('ways by a phone', () => {
  const tailnet = useTailnet();
  const pages: ChildProcess[] = [];
  let folder = '';
  let phone: Phone;
  let context: VerbContext;
  let programs: Awaited<ReturnType<typeof tailscalePrograms>>;
  let ssh: Awaited<ReturnType<typeof sshServer>>;
  const inPhone = async (script: string): Promise<string> =>
    (await execa('ip', ['netns', 'exec', phone.namespace, 'sh', '-ec', script], { timeout: 30_000 })).stdout;
  const probed = async (way: WayId): Promise<Verdict> =>
    verdictOn(way, await probe(sql, target, 'ssh://laptop', context));
  const works = (way: WayId) => expect.poll(async () => (await probed(way)).state, { timeout: 120_000 }).toBe('works');
  const exposed = (via: Via) => expose(sql, target, [via], context);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vmkit-phone-ways-'));
    const { cache } = resolvePaths();
    programs = await tailscalePrograms(folder);
    phone = await startPhone({ hasMachines: true });
    phone.crosvm(crosvmWith(speakingGuest(GUEST)));
    await phoneInTailnet(phone.namespace);
    const away: Joined = await tailnet.join({
      ...{ ...programs, namespace: tailnet.peer, hostname: 'away' },
      isTun: true,
      flags: ['--accept-routes'],
    });
    const peer = ['ip', 'netns', 'exec', tailnet.peer, 'env', `PATH=${away.bin}:${process.env['PATH']}`];
    ssh = await sshServer(folder, peer);
    vi.stubEnv('PATH', `${ssh.bin}:${process.env['PATH']}`);
    const host = hostFrom(`adb:${phone.serial}`);
    const base = contextIn(phone.folder);
    const builder = { ...base.builder, paths: { ...base.builder.paths, cache } };
    context = { ...base, host, paths: (await host.place()).paths, builder };
    await setUpPhone(NETWORK, context);
    await inPhone(`ip addr add ${GUEST}/32 dev lo`);
    for (const [address, port] of [
      [GUEST, 3000],
      ['127.0.0.1', 13_000],
    ] as const) {
      const server = ['python3', '-m', 'http.server', String(port), '--bind', address, '--directory', folder];
      pages.push(spawn('ip', ['netns', 'exec', phone.namespace, ...server], { stdio: 'ignore' }));
    }
    await bootWords(sql, 'phone', '/system/bin/sh', context);
  });
  afterAll(async () => {
    for (const page of pages) page.kill('SIGKILL');
    ssh?.close();
    await phone?.stop();
    if (folder !== '') await rm(folder, { recursive: true, force: true });
  });

  test('a node of its own: refused without it with the command for it; serve, and a route; the supervisor keeps it', async () => {
    await expect(exposed('proxy')).rejects.toThrow('vmkit host setup --tailnet');
    vi.stubEnv('TS_AUTHKEY', `file:${tailnet.keyFile}`);
    expect((await joinPhone(tailnet.loginServer, context)).notes.join()).toMatch(/ is 100\.\S+ in the tailnet/);
    // Who is in the tailnet is asked for no key.
    vi.stubEnv('TS_AUTHKEY', '');
    expect((await joinPhone(tailnet.loginServer, context)).changes).toEqual([]);
    // This control server wants a key of whoever comes again, too.
    await tailnet.control({ Do: 'key', Key: '' });
    await exposed('proxy');
    await works('host-proxy');
    await exposed('subnet').catch(() => undefined);
    expect((await probed('host-subnet-router')).finding?.cause).toBe('route-not-approved');
    await tailnet.control({ Do: 'approve', Node: '1-vmkit', Routes: [`${GUEST}/32`] });
    await works('host-subnet-router');
    await inPhone(`kill -9 $(cat ${phone.folder}/data/adb/vmkit/tailnet/pid)`);
    await works('host-proxy');
    await unexpose(sql, target, context);
    await tailnet.control({ Do: 'approve', Node: '1-vmkit', Routes: [] });
    expect((await probed('host-proxy')).state).toBe('unavailable');
  });

  test('the Tailscale app: not there, not connected, not routing, with the guide; then it works', async () => {
    expect((await probed('phone-app-router')).reason).toBe('the phone has no Tailscale app');
    phone.program('pm', '#!/bin/sh\necho package:/data/app/com.tailscale.ipn/base.apk\n');
    expect((await probed('phone-app-router')).finding?.cause).toBe('app-not-connected');
    const app = await tailnet.join({ ...programs, namespace: phone.namespace, hostname: 'app', isTun: false });
    const [address] = (await app.tailscale('ip', '-4')).split('\n');
    await inPhone(`ip tuntap add tun0 mode tun; ip addr add ${address}/32 dev tun0; ip link set tun0 up`);
    const missing = (await probed('phone-app-router')).finding;
    expect(missing).toMatchObject({
      cause: 'app-route-missing',
      fix: expect.stringContaining(`advertise ${GUEST}/32`),
    });
    await app.tailscale('set', `--advertise-routes=${GUEST}/32`);
    await tailnet.control({ Do: 'approve', Node: 'app', Routes: [`${GUEST}/32`] });
    await works('phone-app-router');
    expect(await exposed('app')).toMatchObject({ address: `http://${GUEST}:3000/`, isNew: false });
    await inPhone('ip link delete tun0');
  });

  test("a port at the address that WireGuard's app has, for a peer in that VPN, as long as it is wanted", async () => {
    await expect(exposed('port')).rejects.toThrow('no app of the phone has a VPN on');
    await connectTunnel(phone.namespace);
    expect(await exposed('port')).toMatchObject({ address: `http://${TUNNEL.phone}:3000/`, isNew: true });
    await works('phone-port');
    await unexpose(sql, target, context);
    await expect.poll(() => inPhone(`ss -ltnH src ${TUNNEL.phone}`), { timeout: 30_000 }).toBe('');
  });

  test('teardown takes the node back, too', async () => {
    await tearDownHost(context);
    expect(await inPhone(`ls ${phone.folder}/data/adb/vmkit`)).not.toMatch(/tailnet|bin|ports|doors/);
    expect(await inPhone('ip rule')).not.toContain('9000:');
  });
});
