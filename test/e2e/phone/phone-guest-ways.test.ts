import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { resolvePaths } from '../../../src/core/paths.ts';
import type { Verdict, WayId } from '../../../src/reach/report.ts';
import { crosvmWith, emulatedGuest } from '../../android/crosvm-guest.ts';
import { type Phone, startPhone, whyNoPhone } from '../../android/phone.ts';
import { MOBILE, phoneInTailnet } from '../../android/tailnet-phone.ts';
import { useSandbox } from '../../support/machine.ts';
import { isAll } from '../../support/run/sampled.ts';
import { whyNoTailnet } from '../../support/tailnet/tailnet.ts';
import { useTailnet } from '../../support/tailnet/use-tailnet.ts';
import { expectVerdict } from '../../support/ways/expect-verdict.ts';
import { probed, verdictOn } from '../../support/ways/probe.ts';

const reason = whyNoPhone() ?? whyNoTailnet() ?? (isAll ? undefined : 'takes minutes: VMKIT_TEST_ALL=1');
const GUEST = '192.168.100.2';

/** A machine on a phone of the lab, by the command line, in a tailnet with real tailscaleds in the guest and at the peer. Every test goes on where the one before it ended. */
describe.skipIf(reason !== undefined).sequential('ways into a machine on a phone', () => {
  const tailnet = useTailnet();
  const sandbox = useSandbox(tailnet.host);
  let phone: Phone;
  const inPhone = async (script: string): Promise<string> =>
    (await execa('ip', ['netns', 'exec', phone.namespace, 'sh', '-ec', script], { timeout: 30_000 })).stdout;
  const vmkitOn = (...args: string[]) =>
    sandbox.vmkit(['--host', `adb:${MOBILE}:5555`, ...args], {
      env: { TS_AUTHKEY: `file:${tailnet.keyFile}` },
    });
  const works = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await vmkitOn(...args);
    expect(exitCode, `${args.join(' ')}: ${stdout}${stderr}`).toBe(0);
    return `${stdout}${stderr}`;
  };
  const probe = async (way: WayId): Promise<Verdict> =>
    verdictOn(way, await probed(() => vmkitOn('probe', 'web', '--json')));
  const supervisor = (signal: 'STOP' | 'CONT') => inPhone(`kill -${signal} $(cat ${phone.folder}/data/adb/vmkit/pid)`);

  beforeAll(async () => {
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
    await phoneInTailnet(phone.namespace);
    await works('host', 'setup', '--tap', `web=${GUEST}`);
    // Beside other tests an emulated kernel may take longer than it is given; the next boot goes on with what runs.
    for (let tries = 3; tries > 0 && (await vmkitOn('boot', 'web')).exitCode === 5; tries -= 1);
    await works('boot', 'web');
  });
  afterAll(async () => {
    await execa('ip', ['netns', 'exec', tailnet.host, 'adb', 'kill-server'], { reject: false });
    await phone?.stop();
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

  test('adbd ends, and what it did not hold works on; a machine that is off is told', async () => {
    await phone.restart();
    expectVerdict(await probe('guest-direct')).toMatchObject({ state: 'works' });
    await works('stop', 'web');
    expect((await vmkitOn('probe', 'web')).stderr).toContain('The machine web does not run.');
    await works('host', 'teardown');
  });
});
