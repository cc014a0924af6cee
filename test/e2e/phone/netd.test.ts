import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseAddress } from '../../../src/core/addresses/ipv4.ts';
import { hostPaths } from '../../../src/core/paths.ts';
import type { PhoneNetwork } from '../../../src/host/android/phone-network.ts';
import type { Context } from '../../../src/host/context.ts';
import type { Host } from '../../../src/host/host.ts';
import { networkAddresses } from '../../../src/host/network/bridge-addresses.ts';
import { superviseScript } from '../../../src/machine/phone/supervise-script.ts';
import { lookAtPhone } from '../../../src/reach/look/phone-facts.ts';
import { tearDownHost } from '../../../src/verbs/host/host-network.ts';
import { setUpPhone } from '../../../src/verbs/phone/phone-network.ts';
import type { NetdRelease } from '../../android/netd-layout.ts';
import { ONLY_VPN, type Phone, PORT, phone as playPhone, readLog, WORLD } from '../../android/netd-phone.ts';
import { SCENARIOS } from '../../android/netd-scenarios.ts';
import { contextIn } from '../../support/context.ts';
import { must, namespace, plug, serve, whyNoNamespaces } from '../../support/hosts/namespaces.ts';
import { packetsDuring } from '../../support/ways/packets.ts';
import { causesOf } from '../../support/ways/phone-causes.ts';
import { facts } from '../../support/ways/probe-facts.ts';

const NETWORK: PhoneNetwork = {
  name: 'vmkit',
  bridge: 'vmkit0',
  subnet: { base: parseAddress('192.168.100.0') ?? 0, bits: 24 },
  egress: 'phone',
  taps: [
    { name: 'sql', meetsOthers: false },
    { name: 'forge', meetsOthers: false },
  ],
};
const GUEST = '192.168.100.2';
const why = whyNoNamespaces();

interface World {
  readonly folder: string;
  readonly phone: Phone;
  readonly context: Context;
}

async function world(release: NetdRelease): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-phone-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const phone = await playPhone(release, folder);
  onTestFinished(() => endSupervisor(phone));
  return { folder, phone, context: { ...contextIn(folder), host: phone.host } };
}

/** A test that failed has left it. */
async function endSupervisor({ host }: Phone): Promise<void> {
  await host.exec([
    'sh',
    '-c',
    'cd /data/adb/vmkit 2>/dev/null && [ -e pid ] && kill $(cat pid machines/*/pid 2>/dev/null)',
  ]);
}

/** The address that the server there sees, or undefined if there is no answer. A shell, as it is asked again and again. */
async function reach(from: Host, address: string, port: number): Promise<string | undefined> {
  const { exitCode, stdout } = await from.exec(['timeout', '1', 'bash', '-c', `cat </dev/tcp/${address}/${port}`]);
  return exitCode === 0 ? stdout.replace(/^::ffff:/, '') : undefined;
}

/** A guest at the TAP `sql`, as vmkit's guests configure themselves. */
async function guestAt({ folder, phone }: World, tap: string): Promise<Awaited<ReturnType<typeof namespace>>> {
  const guest = await namespace();
  await plug(phone.own, tap, guest, folder);
  const { gateway } = networkAddresses(NETWORK);
  await must(guest, [
    'sh',
    '-ec',
    `ip addr add ${GUEST}/24 dev eth0; ip link set eth0 up; ip route add default via ${gateway}`,
  ]);
  await serve(guest, 5432);
  return guest;
}

/** A STAND-IN for crosvm: says that it has booted, and powers off when its console is told to. */
const MACHINE = `#!/system/bin/sh
echo '{"event":"booted","uptime":1.0}' >>events.log
while read -r line; do
  case $line in */poweroff) exit 0 ;; *reboot) exit 32 ;; *argv) exit 35 ;; esac
done <input
`;

async function addMachine({ host }: Phone, name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(host.root, 'data/adb/vmkit/machines', name);
  await mkdir(folder, { recursive: true });
  for (const [file, content] of Object.entries({ start: MACHINE, tap: 'sql\n', ...files }))
    await writeFile(join(folder, file), content);
  await writeFile(join(folder, 'wanted'), 'on\n');
  await writeFile(join(host.root, 'data/adb/vmkit/events'), 'wanted\n');
  return folder;
}

/** All that setup could leave behind, but for counters and what netd itself says anew. */
async function stateOf({ own, host }: Phone): Promise<Record<string, string>> {
  const looks = {
    rules: 'ip rule; ip -6 rule',
    routes: 'ip -j route show table all; ip -6 -j route show table all',
    links: 'ip link',
    addresses: 'ip -j address',
    filter: 'iptables-legacy-save -t filter | grep -v "^[:#]"; ip6tables-legacy-save -t filter | grep -v "^[:#]"',
    nat: 'iptables-legacy-save -t nat | grep -v "^[:#]"',
    sysctls: 'grep -rs . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf | sort',
    files: `cd ${host.root}/data && find . | sort`,
  };
  const found: Record<string, string> = {};
  for (const [name, script] of Object.entries(looks)) found[name] = (await own.exec(['sh', '-c', script])).stdout;
  return found;
}

/** The packets that the world sees of what the phone itself sends. A guest's last ones, which have come one hop further, may still be on their way. */
async function ownTraffic({ own, world: outside }: Phone): Promise<readonly string[]> {
  const packets = await packetsDuring(outside, async () => {
    await reach(own, WORLD, PORT);
    await reach(own, ONLY_VPN, PORT);
  });
  return packets.filter((line) => !line.includes(' 63 '));
}

describe.skipIf(why !== undefined)('the network of a phone', () => {
  test.each(['12', '17'] as const)(
    'guests keep theirs and the phone its own, whatever happens (netd of Android %s)',
    async (release) => {
      const here = await world(release);
      const { phone, context } = here;
      const { host, own } = phone;
      const scenarios = SCENARIOS.filter(({ isOn12 }) => release !== '12' || isOn12);
      const traffic: (readonly string[])[] = [];
      for (const { happens } of scenarios) {
        await happens(phone);
        traffic.push(await ownTraffic(phone));
      }
      const before = await stateOf(phone);

      expect((await setUpPhone(NETWORK, context)).changes.length).toBeGreaterThan(8);
      expect((await setUpPhone(NETWORK, context)).changes).toEqual([]);
      const folder = await addMachine(phone, 'sql', {});
      await expect.poll(() => readLog(host.root), { timeout: 20_000 }).toContain('sql has booted');
      const guest = await guestAt(here, 'sql');
      const times: string[] = [];
      for (const [at, { name, happens, seen, byVpn }] of scenarios.entries()) {
        await happens(phone);
        const since = performance.now();
        const ways = async (): Promise<unknown> => ({
          phone: await reach(own, GUEST, 5432),
          world: await reach(guest, WORLD, PORT),
          ...(byVpn === undefined ? {} : { byVpn: await reach(guest, ONLY_VPN, PORT) }),
        });
        await expect
          .poll(ways, { message: name, timeout: 30_000, interval: 100 })
          .toEqual({ phone: '192.168.100.1', world: seen, ...(byVpn === undefined ? {} : { byVpn }) });
        times.push(`${name}: ${((performance.now() - since) / 1000).toFixed(1)} s`);
        expect({ name, packets: await ownTraffic(phone) }).toEqual({ name, packets: traffic[at] });
      }
      // What others take from vmkit itself comes back, too.
      await must(own, ['ip', 'link', 'set', 'sql', 'nomaster']);
      await expect.poll(() => reach(guest, WORLD, PORT), { timeout: 30_000 }).toBeDefined();
      console.log(`Until a guest is reachable again, netd of Android ${release}:\n  ${times.join('\n  ')}`);

      await writeFile(join(folder, 'wanted'), 'off\n');
      await expect.poll(() => readLog(host.root), { timeout: 20_000 }).toContain('sql is off');
      await rm(folder, { recursive: true });
      await tearDownHost(context);
      expect(await stateOf(phone)).toEqual(before);
      expect((await tearDownHost(context)).changes).toEqual([]);
    },
  );

  test('guests leave past the VPN where that is asked for, and the phone does not', async () => {
    const here = await world('17');
    const { phone, context } = here;
    await phone.connect({ default: ['wlan0'], vpn: { isSecure: true, isSplit: false, isLockdown: true } });
    await setUpPhone({ ...NETWORK, egress: 'uplink' }, context);
    const guest = await guestAt(here, 'sql');
    await expect.poll(() => reach(guest, WORLD, PORT), { timeout: 20_000 }).toBe('198.51.100.2');
    expect(await reach(phone.own, WORLD, PORT)).toBe('10.8.0.2');
    expect(await reach(phone.own, GUEST, 5432)).toBe('192.168.100.1');
    await tearDownHost(context);
  });

  test("a preference that is somebody else's is left alone: refused at setup, told and not taken later", async () => {
    const { phone, context } = await world('17');
    const { own, host } = phone;
    await must(own, ['ip', 'rule', 'add', 'pref', '9001', 'iif', 'wlan0', 'lookup', '99']);
    const before = await stateOf(phone);
    await expect(setUpPhone(NETWORK, context)).rejects.toMatchObject({ code: 'preference-taken' });
    expect(await stateOf(phone)).toEqual(before);
    await must(own, ['ip', 'rule', 'del', 'pref', '9001']);
    await setUpPhone(NETWORK, context);
    await must(own, ['sh', '-ec', 'ip rule del pref 9001; ip rule add pref 9001 iif wlan0 lookup 99']);
    await expect.poll(() => readLog(host.root), { timeout: 20_000 }).toContain('not made again: rules:ipv4');
    expect(await must(own, ['ip', 'rule', 'show', 'pref', '9001'])).toMatch(
      /^9001:\s+from all iif wlan0 lookup 99\s*$/m,
    );
  });

  test('machines start in order of their needs, again by their exit code, and stop by their own console', async () => {
    const { phone, context } = await world('17');
    const { host } = phone;
    await setUpPhone(NETWORK, context);
    const log = (): Promise<string> => readLog(host.root);
    const has = async (text: string): Promise<void> =>
      void (await expect.poll(log, { timeout: 30_000 }).toContain(text));
    const forge = await addMachine(phone, 'forge', { needs: 'sql\n', tap: 'forge\n' });
    await has('forge: waits for sql');
    const sql = await addMachine(phone, 'sql', {});
    await has('forge has booted');
    expect((await log()).indexOf('sql has booted')).toBeLessThan((await log()).indexOf('forge has booted'));

    // What an older vmkit left is renewed in place: the supervisor is another process, and the machines run on.
    const folder = join(host.root, 'data/adb/vmkit');
    const asOfOld = async (path: string): Promise<void> =>
      writeFile(path, (await readFile(path, 'utf8')).replaceAll('Generated by vmkit.', 'Generated by an older vmkit.'));
    await asOfOld(join(folder, 'supervise'));
    await asOfOld(hostPaths(context.paths).journal);
    const pids = (): Promise<string[]> =>
      Promise.all(
        ['pid', 'machines/sql/pid', 'machines/forge/pid'].map((file) => readFile(join(folder, file), 'utf8')),
      );
    const [old, ...machines] = await pids();
    const { changes: made } = await setUpPhone(NETWORK, context);
    expect(made.map(({ title }) => title)).toEqual([expect.stringContaining('the supervisor')]);
    await expect.poll(async () => (await log()).split('began').length, { timeout: 20_000 }).toBe(3);
    const [renewed, ...after] = await pids();
    expect(renewed).not.toBe(old);
    expect(after).toEqual(machines);
    expect(await readFile(join(folder, 'supervise'), 'utf8')).toBe(superviseScript());
    expect((await setUpPhone(NETWORK, context)).changes).toEqual([]);

    // A reboot, and a panic, are started again; a command line that is not taken is not.
    await writeFile(join(sql, 'input'), '\nreboot\n');
    await has('sql ended (32): the guest rebooted, or its kernel panicked');
    await expect.poll(async () => (await log()).split('sql has booted').length, { timeout: 30_000 }).toBe(3);
    await writeFile(join(forge, 'input'), '\nargv\n');
    await has('forge ended (35): this crosvm does not take its command line');
    await has('forge is off');

    // Killed, it is started again, and the socket that it left is not in the way.
    const leave = 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die $!; kill 9, $$';
    await phone.own.exec(['perl', '-MIO::Socket::UNIX', '-e', leave, join(sql, 'control.sock')]);
    await access(join(sql, 'control.sock'));
    await host.exec(['sh', '-c', 'kill -9 $(cat /data/adb/vmkit/machines/sql/pid)']);
    await has('sql ended (137): signal 9');
    await expect.poll(async () => (await log()).split('sql has booted').length, { timeout: 30_000 }).toBe(4);
    await expect(access(join(sql, 'control.sock'))).rejects.toThrow('ENOENT');

    // A TAP outside every bridge would be a card without a network.
    await writeFile(join(forge, 'tap'), 'nowhere\n');
    await writeFile(join(forge, 'wanted'), 'on\n');
    await writeFile(join(host.root, 'data/adb/vmkit/events'), 'wanted\n');
    await has('forge: its TAP nowhere is not there, or a port of no bridge');
    await writeFile(join(forge, 'wanted'), 'off\n');

    // Nothing of it is in the session that asked for it.
    const { stdout } = await host.exec([
      'sh',
      '-c',
      'read -r stat </proc/$(cat /data/adb/vmkit/pid)/stat; echo ${stat##*) }',
    ]);
    const [, parent, , session] = stdout.split(' ');
    expect(parent).toBe('1');
    expect(session).toBe((await host.exec(['cat', '/data/adb/vmkit/pid'])).stdout.trim());

    // Teardown powers them off first, each by its own console.
    await rm(forge, { recursive: true });
    await tearDownHost(context);
    const ended = await readFile(join(sql, 'ended'), 'utf8');
    expect(ended).toBe('0 off\n');
  });

  test('what a phone does to the packets of its guests is told, with what is seen there', async () => {
    const { phone, context } = await world('17');
    const { host, own } = phone;
    await phone.connect({ default: ['wlan0'] });
    await setUpPhone(NETWORK, context);
    const asPhone = { ...host, isHere: false, programs: async (names: readonly string[]) => new Set(names) };
    const told = async (): Promise<readonly string[]> => {
      const seen = await lookAtPhone('sql', true, { ...context, host: asPhone });
      return causesOf({ ...facts(), peer: undefined, phone: seen });
    };
    // Whoever would make it right again does nothing.
    await host.exec(['sh', '-c', 'kill -STOP $(cat /data/adb/vmkit/pid)']);
    expect(await told()).toEqual([]);
    await must(own, ['ip', 'link', 'set', 'sql', 'nomaster']);
    expect(await told()).toEqual(['phone-tap-outside']);
    await must(own, ['ip', 'link', 'set', 'sql', 'master', 'vmkit0']);
    await phone.tether(true);
    await phone.tether(false);
    expect(await told()).toEqual(['phone-forward-reset']);
    await must(own, ['sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward; ip rule add pref 1 lookup 1001']);
    expect(await told()).toEqual(['phone-rule-order']);
    await must(own, ['ip', 'rule', 'del', 'pref', '1']);
    await phone.restartNetd();
    expect(await told()).toEqual(['phone-rules-lost', 'phone-rules-lost']);
    await host.exec(['sh', '-c', 'kill -CONT $(cat /data/adb/vmkit/pid)']);
    await phone.connect({ default: ['wlan0'], vpn: { isSecure: true, isSplit: false } });
    await expect.poll(told, { timeout: 30_000 }).toEqual(['phone-vpn']);
    await tearDownHost(context);
  });
});
