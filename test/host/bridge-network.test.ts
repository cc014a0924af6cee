import { describe, expect, test } from 'vitest';
import { parseAddress, parseSubnet } from '../../src/core/addresses/ipv4.ts';
import { linkLocal } from '../../src/core/addresses/ipv6.ts';
import { type Change, shellText } from '../../src/host/changes/change.ts';
import { bridgeMac, networkAddresses } from '../../src/host/network/bridge-addresses.ts';
import { type HostNetworkFacts, type NetworkRequest, planNetwork } from '../../src/host/network/host-network.ts';
import { udpForwardChange, udpForwardId } from '../../src/host/network/udp-forward.ts';

const address = (text: string): number => parseAddress(text) ?? 0;
const request = (subnet = '192.168.100.0/24'): NetworkRequest => ({
  name: 'vmkit',
  bridge: 'vmkit0',
  subnet: parseSubnet(subnet) ?? { base: 0, bits: 0 },
  taps: [
    { name: 'vm-sql', address: address('192.168.100.2'), owner: 1000 },
    { name: 'vm-forge', address: address('192.168.100.3'), owner: 1000 },
  ],
  links: [['vm-sql', 'vm-forge']],
  macvtaps: [],
});
const facts: HostNetworkFacts = {
  routes: [],
  ipv4: { isForwarding: false, uplinks: [{ name: 'eth0.10', isForwarding: false }] },
  ipv6: { isForwarding: false, isByInterface: true, uplinks: [{ name: 'eth0.10', isForwarding: false }] },
  tunMode: '600',
  filters: { families: ['ip'], firewalls: ['docker', 'ufw', 'firewalld'], strangers: [] },
};

const script = (changes: readonly Change[], way: 'apply' | 'undo', isRoot: boolean): string =>
  changes.flatMap((change) => [`# ${change.title}`, ...change[way].map((each) => shellText(each, isRoot))]).join('\n');

describe('the plan of a bridge network', () => {
  test('is a list of commands that a shell takes, each with its undo', async () => {
    const changes = planNetwork(request(), facts);
    await expect(`${script(changes, 'apply', false)}\n`).toMatchFileSnapshot('../golden/host-setup.txt');
    await expect(`${script([...changes].reverse(), 'undo', true)}\n`).toMatchFileSnapshot(
      '../golden/host-teardown.txt',
    );
  });

  test('UDP for a tunnel is sent on, and the table is gone as a whole', async () => {
    const change = udpForwardChange('web', 'wireguard', '192.168.100.5', 51820);
    expect(udpForwardId('web', 'wireguard')).toBe(change.id);
    await expect(`${script([change], 'apply', true)}\n${script([change], 'undo', true)}\n`).toMatchFileSnapshot(
      '../golden/udp-forward.txt',
    );
  });

  test('has each thing once', () => {
    const ids = planNetwork(request(), facts).map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
  });

  test('leaves an uplink alone that forwards already, and IPv6 where the kernel has none', () => {
    const ipv4 = { isForwarding: false, uplinks: [{ name: 'eth0.10', isForwarding: true }] };
    const there = { ...facts, ipv4, ipv6: undefined, filters: undefined };
    const text = script(planNetwork(request(), there), 'apply', true);
    expect(text).not.toContain('eth0.10');
    expect(text).not.toMatch(/ip address add fd|ip6 saddr fd.* masquerade/);
  });

  test.each([
    ['forwards IPv6 as a whole', { isForwarding: true, isByInterface: true }],
    ['could forward it as a whole only', { isForwarding: false, isByInterface: false }],
  ])('switches no forwarding of IPv6 on where the host %s', (_name, ipv6) => {
    const there = { ...facts, ipv6: { ...ipv6, uplinks: [{ name: 'eth0.10', isForwarding: false }] } };
    const text = script(planNetwork(request(), there), 'apply', true);
    expect(text).not.toMatch(/ipv6.*forwarding/);
    expect(text).toContain('ip6 saddr fd');
  });
});

test('addresses are the same everywhere: names and the subnet make them', () => {
  const { gateway, gateway6, subnet6, host6 } = networkAddresses(request());
  expect([gateway, gateway6, subnet6, host6(address('192.168.100.3'))]).toEqual([
    '192.168.100.1',
    'fdc2:12e5:4956::1',
    'fdc2:12e5:4956::/64',
    'fdc2:12e5:4956::3',
  ]);
  expect(bridgeMac(request())).toMatch(/^02(:[0-9a-f]{2}){5}$/);
});

test.each([
  ['02:f6:44:94:cf:b4', 'fe80::f6:44ff:fe94:cfb4'],
  ['02:00:00:00:00:09', 'fe80::0:ff:fe00:9'],
])('the link-local address of %s is %s', (mac, expected) => expect(linkLocal(mac)).toBe(expected));
