import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Host } from '../../src/host/host.ts';
import { must, namespace, serve } from '../support/hosts/namespaces.ts';
import { type Connections, NETD_NAT, type NetdRelease, netdChains, netdRules, TETHERING } from './netd-layout.ts';
import { phoneIn } from './netd-root.ts';

type Namespace = Awaited<ReturnType<typeof namespace>>;

/** Where everything answers, by whichever link it is reached; `ONLY_VPN` only by the VPN. */
export const WORLD = '192.0.2.1';
export const ONLY_VPN = '10.77.0.1';
export const PORT = 8080;

/** The links of the phone to the world, and the address that the world sees of each. */
export const LINKS = {
  wlan0: { own: '198.51.100.2', far: '198.51.100.1' },
  rmnet0: { own: '203.0.113.2', far: '203.0.113.1' },
  tun0: { own: '10.8.0.2', far: '10.8.0.1' },
  // The translator's interface on an IPv6-only network.
  'v4-rmnet0': { own: '192.0.0.4', far: '192.0.0.5' },
} as const;
export type Link = keyof typeof LINKS;
const LINK_NAMES: readonly Link[] = ['wlan0', 'rmnet0', 'tun0', 'v4-rmnet0'];

/** A phone with netd's rules, and the world. */
export interface Phone {
  readonly host: Host & { readonly root: string };
  /** Its network with this computer's root, for what is no program of a phone. */
  readonly own: Namespace;
  readonly world: Namespace;
  /** netd after a change of networks: it takes away and adds its own rules only. */
  readonly connect: (to: ConnectTo) => Promise<void>;
  /** netd's start: all rules and chains of others are gone, and forwarding is what it was. */
  readonly restartNetd: () => Promise<void>;
  readonly tether: (isOn: boolean) => Promise<void>;
  readonly address: (link: Link, own: string) => Promise<void>;
}
export interface ConnectTo {
  readonly default: readonly Link[];
  readonly vpn?: { readonly isSecure: boolean; readonly isSplit: boolean; readonly isLockdown?: boolean } | undefined;
}

export async function phone(release: NetdRelease, folder: string): Promise<Phone> {
  const [own, world] = [await namespace(), await namespace()];
  const host = await phoneIn(own, folder);
  const run = (script: string): Promise<string> => must(own, ['sh', '-ec', script]);
  for (const [name, { own: near, far }] of Object.entries(LINKS)) {
    await must(own, ['ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `w-${name}`, 'netns', world.namespace]);
    await run(`ip link set ${name} addrgenmode none; ip addr add ${near}/24 dev ${name}; ip link set ${name} up`);
    await must(world, [
      'sh',
      '-ec',
      `ip link set w-${name} addrgenmode none; ip addr add ${far}/24 dev w-${name}; ip link set w-${name} up`,
    ]);
  }
  await must(world, ['sh', '-ec', `ip addr add ${WORLD}/32 dev lo; ip addr add ${ONLY_VPN}/32 dev lo`]);
  await serve(world, PORT);
  const tables = new Map<string, number>();
  for (const name of Object.keys(LINKS)) {
    tables.set(name, 1000 + Number(await readOwn(own, `/sys/class/net/${name}/ifindex`)));
  }
  // As a kernel of a phone has it: a dummy (here a bridge without ports) whose table has a default route, too, and leads nowhere.
  await run(
    'ip link add dummy0 type bridge; ip link set dummy0 addrgenmode none; ip link set dummy0 up; ip route add default dev dummy0 table 1999',
  );
  let now: ConnectTo = { default: [] };
  const tableOf = (link: Link): number => tables.get(link) ?? 0;
  const connections = (to: ConnectTo): Connections => ({
    default: to.default.map(tableOf),
    vpn: to.vpn === undefined ? undefined : { ...to.vpn, table: tableOf('tun0') },
  });
  const batch = async (lines: readonly string[]): Promise<void> => {
    const text = lines.map((line) => `${line}\n`).join('');
    await must(own, ['sh', '-ec', 'ip -4 -batch - <<E\n$0E\nip -6 -batch - <<E\n$0E'.replaceAll('$0', text)]);
  };
  const connect = async (to: ConnectTo): Promise<void> => {
    const old = netdRules(release, connections(now)).map((rule) => `rule del ${rule}`);
    await batch([...old, ...netdRules(release, connections(to)).map((rule) => `rule add ${rule}`)]);
    const all = LINK_NAMES.map((link) => {
      const table = tableOf(link);
      return `ip route flush table ${table} 2>/dev/null || :; ${routes(link, table, to)}`;
    });
    await run(all.join('\n'));
    now = to;
  };
  const restore = async (): Promise<void> => {
    await must(own, ['iptables-legacy-restore', '--noflush'], netdChains('ipv4') + NETD_NAT);
    await must(own, ['ip6tables-legacy-restore', '--noflush'], netdChains('ipv6'));
  };
  const restartNetd = async (): Promise<void> => {
    for (const family of ['-4', '-6'])
      await run(
        `ip ${family} rule flush; ip ${family} rule show pref 0 | grep -q . || ip ${family} rule add pref 0 lookup local`,
      );
    await restore();
    await batch(netdRules(release, connections(now)).map((rule) => `rule add ${rule}`));
  };
  await restartNetd();
  return {
    host,
    own,
    world,
    connect,
    restartNetd,
    tether: async (isOn) => {
      await must(own, ['iptables-legacy-restore', '--noflush'], isOn ? TETHERING.on : TETHERING.off);
      await run(
        `echo ${isOn ? 1 : 0} >/proc/sys/net/ipv4/ip_forward; echo ${isOn ? 1 : 0} >/proc/sys/net/ipv6/conf/all/forwarding`,
      );
    },
    address: async (link, next) => {
      await run(`ip addr flush dev ${link}; ip addr add ${next}/24 dev ${link}`);
      await connect(now);
    },
  };
}

async function readOwn(own: Namespace, path: string): Promise<string> {
  return (await must(own, ['cat', path])).trim();
}

/** A VPN has no default route: halves of everything, or only what is its own. */
function routes(link: Link, table: number, { default: links, vpn }: ConnectTo): string {
  const { far } = LINKS[link];
  const via = `via ${far} dev ${link} table ${table}`;
  const net = `ip route add ${far.replace(/\d+$/, '0')}/24 dev ${link} table ${table}`;
  if (link === 'tun0') {
    if (vpn === undefined) return ':';
    return vpn.isSplit
      ? `${net}; ip route add 10.77.0.0/16 ${via}`
      : `${net}; ip route add 0.0.0.0/1 ${via}; ip route add 128.0.0.0/1 ${via}`;
  }
  if (!links.includes(link)) return ':';
  // On an IPv6-only network the network's own table has no IPv4.
  if (link === 'rmnet0' && links.includes('v4-rmnet0')) return ':';
  return `${net}; ip route add default ${via}`;
}

export async function readLog(root: string): Promise<string> {
  return readFile(join(root, 'data/adb/vmkit/log'), 'utf8').catch(() => '');
}
