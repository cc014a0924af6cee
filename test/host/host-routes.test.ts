import { describe, expect, test } from 'vitest';
import { parseSubnet, type Subnet } from '../../src/core/addresses/ipv4.ts';
import { parseRoutes, requireFreeSubnet, uplinksOf } from '../../src/host/network/host-routes.ts';

/** As iproute2 6.1 prints it. */
const ROUTES = parseRoutes(`[
  {"dst":"default","gateway":"10.1.2.1","dev":"eth0","flags":[]},
  {"dst":"default","table":"100","nexthops":[{"gateway":"10.1.2.1","dev":"eth0","weight":1},{"dev":"wwan0","weight":1}],"flags":[]},
  {"dst":"0.0.0.0/1","dev":"tun0","scope":"link","flags":[]},
  {"dst":"10.1.2.0/24","dev":"eth0","protocol":"kernel","scope":"link","prefsrc":"10.1.2.3","flags":[]},
  {"dst":"100.100.100.100","dev":"tailscale0","table":"52","flags":[]},
  {"type":"blackhole","dst":"10.9.0.0/16","table":"77","flags":[]},
  {"type":"unreachable","dst":"default","table":"77","flags":[]},
  {"dst":"192.168.100.0/24","dev":"vmkit0","protocol":"kernel","scope":"link","prefsrc":"192.168.100.1","flags":[]},
  {"type":"local","dst":"192.168.100.1","dev":"vmkit0","table":"local","flags":[]},
  {"type":"local","dst":"192.168.101.7","dev":"dummy0","table":"local","flags":[]},
  {"type":"broadcast","dst":"10.77.0.255","dev":"eth0","table":"local","flags":[]}
]`);
const subnet = (text: string): Subnet => parseSubnet(text) ?? { base: 0, bits: 0 };

test('uplinks are what has a default route in any table, halves of a VPN and several hops too', () => {
  expect(uplinksOf(ROUTES)).toEqual(['eth0', 'tun0', 'wwan0']);
});

describe('a subnet', () => {
  test.each(['192.168.100.0/24', '10.77.0.0/24', '172.16.0.0/16'])('%s is free', (text) => {
    expect(() => requireFreeSubnet(subnet(text), 'vmkit0', ROUTES)).not.toThrow();
  });

  test.each([
    ['10.1.0.0/16', '10.1.2.0/24 through eth0, table main', '172.16.0.0/16'],
    ['10.9.3.0/24', '10.9.0.0/16 blackhole, table 77', '192.168.100.0/24'],
    ['192.168.101.0/24', '192.168.101.7 through dummy0, table local', '192.168.100.0/24'],
  ])('%s is refused: %s; %s is free', (text, route, free) => {
    expect(() => requireFreeSubnet(subnet(text), 'vmkit0', ROUTES)).toThrow(
      expect.objectContaining({
        code: 'subnet-taken',
        message: expect.stringContaining(route),
        details: expect.objectContaining({ free }),
      }),
    );
  });

  test("of another's bridge is refused, whatever its name", () => {
    expect(() => requireFreeSubnet(subnet('192.168.100.0/24'), 'other0', ROUTES)).toThrow(
      /192\.168\.100\.0\/24 through vmkit0/,
    );
  });
});
