import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { formatAddress, machineMac, parseAddress } from '../../../src/core/addresses/ipv4.ts';
import type { Context } from '../../../src/host/context.ts';
import type { Host } from '../../../src/host/host.ts';
import { networkAddresses } from '../../../src/host/network/bridge-addresses.ts';
import { checkNetwork } from '../../../src/host/network/check-network.ts';
import type { NetworkRequest } from '../../../src/host/network/host-network.ts';
import { lookAtHostNetwork } from '../../../src/reach/look/host-network.ts';
import { setUpNetwork, tearDownHost } from '../../../src/verbs/host/host-network.ts';
import { contextIn } from '../../support/context.ts';
import { dyingHost } from '../../support/hosts/dying-host.ts';
import { must, namespace, plug, reach, serve, whyNoNamespaces } from '../../support/hosts/namespaces.ts';
import { SEED } from '../../support/run/dice.ts';
import { isAll } from '../../support/run/sampled.ts';

const address = (text: string): number => parseAddress(text) ?? 0;
const REQUEST: NetworkRequest = {
  name: 'vmkit',
  bridge: 'vmkit0',
  subnet: { base: address('192.168.100.0'), bits: 24 },
  taps: ['vm-sql', 'vm-forge', 'vm-third'].map((name, at) => ({
    name,
    address: address('192.168.100.2') + at,
    owner: 0,
  })),
  links: [['vm-sql', 'vm-forge']],
  macvtaps: [],
};
const OUTSIDE = '198.51.100.1';
const UPLINK = '198.51.100.2';

type Namespace = Host & { readonly namespace: string };
interface World {
  readonly folder: string;
  readonly host: Namespace;
  readonly outside: Namespace;
  readonly context: Context;
}

/** A host with an uplink to the outside, which knows no way back to the machines. */
async function world(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-net-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [host, outside] = [await namespace(), await namespace()];
  await must(host, ['ip', 'link', 'add', 'up.0', 'type', 'veth', 'peer', 'name', 'out0', 'netns', outside.namespace]);
  for (const [where, link, own] of [
    [host, 'up.0', UPLINK],
    [outside, 'out0', OUTSIDE],
  ] as const) {
    await must(where, ['ip', 'link', 'set', 'dev', link, 'addrgenmode', 'none']);
    await must(where, ['ip', 'address', 'add', `${own}/24`, 'dev', link]);
    await must(where, ['ip', 'link', 'set', 'dev', link, 'up']);
  }
  await must(host, ['ip', 'route', 'add', 'default', 'via', OUTSIDE]);
  return { folder, host, outside, context: { ...contextIn(folder), host } };
}

/** A machine at its TAP, as vmkit's machines configure themselves. */
async function guest({ host, folder }: World, name: string): Promise<Namespace> {
  const machine = await namespace();
  const tap = REQUEST.taps.find((each) => each.name === name) ?? { name, address: 0 };
  const { gateway, gateway6, host6 } = networkAddresses(REQUEST);
  await plug(host, name, machine, folder);
  await must(machine, ['ip', 'link', 'set', 'dev', 'eth0', 'address', machineMac(tap.address)]);
  await must(machine, ['ip', 'address', 'add', `${formatAddress(tap.address)}/24`, 'dev', 'eth0']);
  await must(machine, ['ip', 'address', 'add', `${host6(tap.address)}/64`, 'dev', 'eth0', 'nodad']);
  await must(machine, ['ip', 'link', 'set', 'dev', 'eth0', 'up']);
  await must(machine, ['ip', 'route', 'add', 'default', 'via', gateway]);
  await must(machine, ['ip', '-6', 'route', 'add', 'default', 'via', gateway6]);
  return machine;
}

/** All that setup could leave behind, but for counters. */
async function stateOf(host: Host): Promise<Record<string, string>> {
  const looks = {
    rules: 'ip -j rule; ip -6 -j rule',
    routes: 'ip -j route show table all; ip -6 -j route show table all',
    addresses: 'ip -j address',
    links: 'ip -d link',
    nft: 'nft -s list ruleset',
    sysctls: 'grep -rs . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf | sort',
  };
  const found: Record<string, string> = {};
  for (const [name, script] of Object.entries(looks)) found[name] = (await host.exec(['sh', '-c', script])).stdout;
  return found;
}

/** As Docker leaves it where it switched forwarding on; bridged frames go through it as well, if the kernel can. */
const DOCKER = `iptables -P FORWARD DROP
iptables -N DOCKER-USER
iptables -A FORWARD -j DOCKER-USER
iptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A DOCKER-USER -j RETURN
if [ -e /proc/sys/net/bridge ]; then echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables; fi`;
const STRANGER = `nft -f - <<'EOF'
table inet mine {
  chain forward {
    type filter hook forward priority 10; policy drop;
  }
}
EOF`;

const reason = whyNoNamespaces();
if (reason !== undefined) console.warn(`SKIPPED: the host's network: ${reason}`);

describe.skipIf(reason !== undefined).sequential('the host network', () => {
  test('setup twice, teardown twice: the second does nothing, and the host is as it was', async () => {
    const { host, context } = await world();
    const before = await stateOf(host);
    expect((await setUpNetwork(REQUEST, context, true)).changes.length).toBeGreaterThan(10);
    expect(await stateOf(host)).toEqual(before);
    const first = await setUpNetwork(REQUEST, context);
    expect(first.changes.at(-1)?.commands).toEqual(['sysctl -q -w net/ipv4/conf/up.0/forwarding=1']);
    expect((await must(host, ['cat', '/proc/sys/net/ipv4/ip_forward'])).trim()).toBe('0');
    expect((await setUpNetwork(REQUEST, context)).changes).toEqual([]);
    expect((await tearDownHost(context)).changes).toHaveLength(first.changes.length);
    expect(await stateOf(host)).toEqual(before);
    expect((await tearDownHost(context)).changes).toEqual([]);
  });

  test.each([
    ['nothing else', ''],
    ["Docker's rules", DOCKER],
  ])(
    'beside %s: machines reach the outside, each other only by a link, and nobody reaches them',
    async (_name, rules) => {
      const here = await world();
      const { host, outside, context } = here;
      await must(host, ['sh', '-c', rules]);
      const before = await stateOf(host);
      await setUpNetwork(REQUEST, context);
      expect((await checkNetwork(REQUEST, context)).filter(({ isOk }) => !isOk)).toEqual([]);
      const [sql, forge, third] = [
        await guest(here, 'vm-sql'),
        await guest(here, 'vm-forge'),
        await guest(here, 'vm-third'),
      ];
      const { host6 } = networkAddresses(REQUEST);
      const sql6 = host6(address('192.168.100.2'));
      await serve(outside, 8000);
      await serve(sql, 5432);
      await serve(host, 8001);

      expect(await reach(forge, OUTSIDE, 8000)).toBe(UPLINK);
      expect(await reach(forge, '192.168.100.2', 5432)).toBe('192.168.100.3');
      expect(await reach(forge, sql6, 5432)).toBe(host6(address('192.168.100.3')));
      expect(await reach(host, '192.168.100.2', 5432)).toBe('192.168.100.1');

      expect(await reach(third, OUTSIDE, 8000)).toBe(UPLINK);
      expect(await reach(third, '192.168.100.2', 5432)).toBeUndefined();
      expect(await reach(third, sql6, 5432)).toBeUndefined();
      await must(third, ['ip', 'route', 'add', '192.168.100.2', 'via', '192.168.100.1']);
      expect(await reach(third, '192.168.100.2', 5432)).toBeUndefined();
      await must(outside, ['ip', 'route', 'add', '192.168.100.0/24', 'via', UPLINK]);
      expect(await reach(outside, '192.168.100.2', 5432)).toBeUndefined();

      await tearDownHost(context);
      expect(await stateOf(host)).toEqual(before);
    },
  );

  test('no spoofed address or MAC gets through a TAP; without our rules it would', async () => {
    const here = await world();
    const { host, context } = here;
    await setUpNetwork(REQUEST, context);
    const third = await guest(here, 'vm-third');
    const { gateway, gateway6, host6 } = networkAddresses(REQUEST);
    await serve(host, 8001);
    const spoofs = {
      own: [],
      address: [
        ['ip', 'address', 'replace', '192.168.100.9/24', 'dev', 'eth0'],
        ['ip', 'route', 'replace', gateway, 'dev', 'eth0', 'src', '192.168.100.9'],
      ],
      mac: [['ip', 'link', 'set', 'dev', 'eth0', 'address', '02:00:00:00:00:09']],
    };
    const own = [
      ['ip', 'route', 'del', gateway, 'dev', 'eth0'],
      [
        'ip',
        'link',
        'set',
        'dev',
        'eth0',
        'address',
        machineMac(REQUEST.taps.find(({ name }) => name === 'vm-third')?.address ?? 0),
      ],
    ];
    const attempts = async (): Promise<Record<string, string | undefined>> => {
      const seen: Record<string, string | undefined> = {};
      for (const [name, commands] of Object.entries(spoofs)) {
        for (const command of commands) await must(third, command);
        seen[name] = await reach(third, gateway, 8001);
        for (const command of own) await third.exec(command);
        await third.exec(['ip', 'neighbour', 'flush', 'dev', 'eth0']);
        await host.exec(['ip', 'neighbour', 'flush', 'dev', 'vmkit0']);
      }
      const other6 = host6(address('192.168.100.9'));
      await must(third, ['ip', 'address', 'replace', `${other6}/128`, 'dev', 'eth0', 'nodad']);
      await must(third, ['ip', '-6', 'route', 'replace', `${gateway6}/128`, 'dev', 'eth0', 'src', other6]);
      seen['address6'] = await reach(third, gateway6, 8001);
      return seen;
    };
    expect(await attempts()).toEqual({ own: '192.168.100.4', address: undefined, mac: undefined, address6: undefined });
    await must(host, ['nft', 'delete', 'table', 'bridge', 'vmkit_vmkit']);
    expect(await attempts()).toEqual({
      own: '192.168.100.4',
      address: '192.168.100.9',
      mac: '192.168.100.4',
      address6: host6(address('192.168.100.9')),
    });
  });

  test("a stranger's chain that drops is named, and never edited", async () => {
    const { host, context } = await world();
    await must(host, ['sh', '-c', STRANGER]);
    const report = await setUpNetwork(REQUEST, context);
    expect(report.notes.join()).toContain('inet mine forward');
    expect(await must(host, ['nft', 'list', 'table', 'inet', 'mine'])).not.toContain('vmkit0');
    expect((await checkNetwork(REQUEST, context)).filter(({ isOk }) => !isOk)).toMatchObject([{ what: 'firewall' }]);
  });

  test('a subnet with a route, and an interface of that name, are refused before anything is changed', async () => {
    const { host, context } = await world();
    await must(host, ['ip', 'route', 'add', '192.168.0.0/16', 'via', OUTSIDE, 'table', '77']);
    await expect(setUpNetwork(REQUEST, context)).rejects.toMatchObject({
      code: 'subnet-taken',
      message: expect.stringContaining('192.168.0.0/16 through up.0, table 77'),
      details: { free: '172.16.0.0/24' },
    });
    await must(host, ['ip', 'route', 'flush', 'table', '77']);
    await must(host, ['ip', 'link', 'add', 'name', 'vmkit0', 'type', 'bridge']);
    const before = await stateOf(host);
    await expect(setUpNetwork(REQUEST, context)).rejects.toMatchObject({ code: 'host-name-taken' });
    expect(await stateOf(host)).toEqual(before);
  });

  test('an address that answers already is refused before anything is changed, with a free subnet', async () => {
    const { host, outside, context } = await world();
    await must(outside, ['ip', 'address', 'add', '192.168.100.1/32', 'dev', 'lo']);
    const macvtap = { name: 'web', parent: 'up.0', address: address(OUTSIDE), owner: 0 };
    const before = await stateOf(host);
    await expect(setUpNetwork(REQUEST, context)).rejects.toMatchObject({
      code: 'address-answers',
      message: expect.stringContaining('192.168.100.1'),
      hint: expect.stringContaining('--subnet 192.168.101.0/24'),
    });
    const onLan = setUpNetwork({ ...REQUEST, taps: [], links: [], macvtaps: [macvtap] }, context);
    await expect(onLan).rejects.toMatchObject({ code: 'address-answers' });
    expect(await stateOf(host)).toEqual(before);
  });

  test('what others changed of it since is seen, with the command that mends it', async () => {
    const { host, context } = await world();
    await setUpNetwork(REQUEST, context);
    const its = { name: 'sql', port: 5432, protocol: 'postgres', hostPort: undefined } as const;
    const target = { machine: 'vm-sql', bridgeAddress: '192.168.100.2', ...its };
    const look = async () => {
      const seen = await lookAtHostNetwork(target, context);
      return seen?.observation.exitCode === 0 ? undefined : seen;
    };
    expect(await look()).toBeUndefined();
    for (const [broken, mended] of [
      ['ip link set dev vm-sql down', 'ip link set dev vm-sql up'],
      ['ip link set dev vmkit0 down', 'ip link set dev vmkit0 up'],
      ['sysctl -q -w net/ipv4/conf/vmkit0/forwarding=0', 'sysctl -q -w net/ipv4/conf/vmkit0/forwarding=1'],
      ['sysctl -q -w net/ipv4/conf/up.0/forwarding=0', 'sysctl -q -w net/ipv4/conf/up.0/forwarding=1'],
      ['ip address del 192.168.100.1/24 dev vmkit0', 'ip address add 192.168.100.1/24 dev vmkit0'],
    ] as const) {
      await must(host, ['sh', '-c', broken]);
      const seen = await look();
      expect(seen?.fix, broken).toContain(mended);
      await must(host, ['sh', '-c', seen?.fix.replaceAll('sudo ', '') ?? '']);
      expect(await look(), mended).toBeUndefined();
    }
    // Of another machine, or somebody else's now: nothing is lost.
    await must(host, ['ip', 'link', 'set', 'dev', 'vm-third', 'down']);
    await must(host, ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
    expect(await look()).toBeUndefined();
    await must(host, ['nft', 'flush', 'ruleset']);
    expect((await look())?.observation.output).toContain('gone: nft tables vmkit');
  });

  test('forwarding that others switched on for the whole host meanwhile is theirs, and stays', async () => {
    const { host, context } = await world();
    await setUpNetwork(REQUEST, context);
    await must(host, ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
    await tearDownHost(context);
    expect((await must(host, ['cat', '/proc/sys/net/ipv4/conf/up.0/forwarding'])).trim()).toBe('1');
  });

  test('killed before or after any command or write, of setup or of teardown: teardown restores the exact state', async () => {
    // Each fifth moment, from another one in each run; all of them where they are asked for.
    const step = isAll ? 1 : 5;
    const first = SEED % step;
    console.info(`VMKIT_TEST_SEED=${SEED}`);
    const here = await world();
    // Who answers at an address already takes half a second to ask, and is asked by a test of its own.
    const exec: Host['exec'] = (argv, options) =>
      here.host.exec(argv[2]?.includes('/dev/udp/') === true ? ['false'] : argv, options);
    const host = { ...here.host, exec };
    const context = { ...here.context, host };
    await must(host, ['sh', '-c', DOCKER]);
    const before = await stateOf(host);
    const request = { ...REQUEST, taps: REQUEST.taps.slice(0, 2) };
    const isChange = ([program = '', ...args]: readonly string[]): boolean =>
      ['ip', 'nft', 'sysctl', 'iptables'].includes(program) &&
      !args.some((each) => /^(list|get|show|-C|-V|-v|--version|-j)$/.test(each));
    const dies = (work: Promise<unknown>): Promise<boolean> =>
      work.then(
        () => false,
        () => true,
      );
    let at = first;
    for (; await dies(setUpNetwork(request, { ...context, host: dyingHost(host, at, isChange) })); at += step) {
      await tearDownHost(context);
      expect([at, await stateOf(host)]).toEqual([at, before]);
    }
    const ofSetup = at;
    for (at = first; await dies(tearDownHost({ ...context, host: dyingHost(host, at, isChange) })); at += step) {
      await tearDownHost(context);
      expect([at, await stateOf(host)]).toEqual([at, before]);
      await setUpNetwork(request, context);
    }
    expect(await stateOf(host)).toEqual(before);
    console.info(`each ${step}. of ${ofSetup + at} moments`);
    expect(ofSetup + at).toBeGreaterThan(100);
  });
});
