import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseAddress } from '../../src/core/ipv4.ts';
import type { PhoneNetwork } from '../../src/host/android/phone-network.ts';
import type { Context } from '../../src/host/context.ts';
import { networkAddresses } from '../../src/host/network/bridge-addresses.ts';
import { tearDownHost } from '../../src/verbs/host-network.ts';
import { setUpPhone } from '../../src/verbs/phone-network.ts';
import type { NetdRelease } from '../android/netd-layout.ts';
import { ONLY_VPN, type Phone, PORT, phone as playPhone, readLog, WORLD } from '../android/phone.ts';
import { whyNoPhone } from '../android/phone-root.ts';
import { SCENARIOS } from '../android/scenarios.ts';
import { contextIn } from '../support/context.ts';
import { must, namespace, plug, reach, serve, whyNoNamespaces } from '../support/namespaces.ts';

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
const why = whyNoNamespaces() ?? whyNoPhone();

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

/** A guest at the TAP \`sql\`, as vmkit's guests configure themselves. */
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
    links: 'ip -d link',
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

/** What the phone itself sends, and the packets that the world then sees of it: by link, addresses, port and TTL. */
async function ownTraffic({ own, world: outside }: Phone): Promise<readonly string[]> {
  const table = `table ip seen {
  set packets { typeof iifname . ip saddr . ip daddr . tcp dport . ip ttl; size 4096; flags dynamic; }
  chain pre {
    type filter hook prerouting priority -300
    iifname "w-*" meta l4proto tcp add @packets { iifname . ip saddr . ip daddr . tcp dport . ip ttl }
  }
}
`;
  await must(outside, ['nft', '-f', '-'], `table ip seen {}\ndelete table ip seen\n${table}`);
  await reach(own, WORLD, PORT);
  await reach(own, ONLY_VPN, PORT);
  const { nftables } = JSON.parse(await must(outside, ['nft', '-j', 'list', 'set', 'ip', 'seen', 'packets']));
  const set = nftables.find((each: { set?: { elem?: unknown[] } }) => each.set !== undefined)?.set;
  return (set?.elem ?? []).map((each: unknown) => JSON.stringify(each)).sort();
}

describe.skipIf(why !== undefined)('the network of a phone', () => {
  test.each(['12', '17'] as const)(
    'guests keep theirs and the phone its own, whatever happens (netd of Android %s)',
    async (release) => {
      const here = await world(release);
      const { phone, context } = here;
      const { host, own } = phone;
      for (const { happens } of SCENARIOS) await happens(phone);
      const before = await stateOf(phone);
      const traffic: (readonly string[])[] = [];
      for (const { happens } of SCENARIOS) {
        await happens(phone);
        traffic.push(await ownTraffic(phone));
      }
      expect(await stateOf(phone)).toEqual(before);

      expect((await setUpPhone(NETWORK, context)).length).toBeGreaterThan(8);
      expect(await setUpPhone(NETWORK, context)).toEqual([]);
      const folder = await addMachine(phone, 'sql', {});
      await expect.poll(() => readLog(host.root), { timeout: 20_000 }).toContain('sql has booted');
      const guest = await guestAt(here, 'sql');
      const times: string[] = [];
      for (const [at, { name, happens, seen, byVpn }] of SCENARIOS.entries()) {
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
});
