import { isIPv4 } from 'node:net';
import { expect, test } from 'vitest';
import { expandIpv6 } from '../../../src/core/addresses/ipv6.ts';
import { closedAddresses } from '../../../src/machine/gate/closed-addresses.ts';
import { readAddressTables } from '../../../src/machine/gate/own-addresses.ts';

/** As linux 6.12 prints them, of a host with a Wi-Fi, a bridge of containers that none is on, vmkit's bridge, and a transparent proxy's table. */
const TABLES = {
  fibTrie: `Id 100:
  +-- 0.0.0.0/0 0 0 2
     |-- 0.0.0.0
        /0 host LOCAL
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.0
              /8 host LOCAL
     |-- 172.17.0.1
        /32 host LOCAL
     +-- 192.168.1.0/24 2 0 2
        +-- 192.168.1.0/26 2 0 2
           |-- 192.168.1.0
              /24 link UNICAST
           |-- 192.168.1.20
              /32 host LOCAL
        |-- 192.168.1.255
           /32 link BROADCAST
     |-- 203.0.113.0
        /24 host LOCAL
`,
  route: `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
wlan0\t0001A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0
vmkit0\t0064A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`,
  ipv6Route: `fd010000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001    wlan0
fd020000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001   vmkit0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd010000000000000000000000000001 00000400 00000002 00000000 00000003    wlan0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000002 00000000 80200001       lo
fd010000000000000000000000000020 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000003 00000000 80200001    wlan0
`,
};

const bytesOf = (address: string): Buffer =>
  isIPv4(address)
    ? Buffer.from(address.split('.').map(Number))
    : Buffer.from(expandIpv6(address).replaceAll(':', ''), 'hex');

const isClosed = closedAddresses(TABLES, 'vmkit0');

test.each([
  ['loopback', ['127.0.0.1', '127.0.0.53', '127.255.255.255', '::1']],
  ['no address, which Linux takes for loopback', ['0.0.0.0', '0.1.2.3', '::']],
  ['link-local', ['169.254.169.254', '169.254.0.1', 'fe80::1', 'febf::1']],
  ['the user network', ['10.0.2.2', '10.0.2.3', '10.0.2.77', 'fec0::2', 'fec0::3', 'fed0::1']],
  ['an IPv4 address in an IPv6 one', ['::ffff:7f00:1', '::ffff:808:808', '::7f00:1', '2002:7f00:1::1']],
  ['NAT64 of what is closed', ['64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '64:ff9b::c0a8:114', '64:ff9b:1::808:808']],
  ['groups', ['224.0.0.251', '239.1.1.1', '255.255.255.255', 'ff02::1', 'ff05::2']],
  ['metadata beyond link-local', ['168.63.129.16', '100.100.100.200', '192.0.0.192', 'fd00:ec2::254', 'fd20:ce::254']],
  ["this host's own", ['192.168.1.20', '172.17.0.1', '203.0.113.9', 'fd01::20']],
  ['machines on the bridge', ['192.168.100.5', 'fd02::5']],
])('closed: %s', (_what, addresses) => {
  expect(addresses.filter((address) => !isClosed(bytesOf(address)))).toEqual([]);
  // And when it is asked again.
  expect(addresses.filter((address) => !isClosed(bytesOf(address)))).toEqual([]);
});

test('open: the world, its private networks, NAT64 of it', () => {
  const open = ['8.8.8.8', '192.168.1.1', '192.168.1.21', '172.17.0.2', '10.0.3.1', '100.64.0.1', '128.0.0.1'];
  const open6 = ['2001:db8::1', 'fd01::21', 'fd05::1', '64:ff9b::808:808'];
  expect([...open, ...open6].filter((address) => isClosed(bytesOf(address)))).toEqual([]);
});

test("this host's own tables are read: no address of an interface is open", async () => {
  const { networkInterfaces } = await import('node:os');
  const isClosedHere = closedAddresses(readAddressTables(), 'vmkit0');
  const own = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []);
  expect(own.length).toBeGreaterThan(0);
  expect(own.filter((address) => !isClosedHere(bytesOf(address)))).toEqual([]);
});
