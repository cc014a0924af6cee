import { expect, test } from 'vitest';
import { parseDumpedServers } from '../../../src/host/android/phone-name-servers.ts';

const network = (id: number, servers: string): string =>
  `  NetworkAgentInfo{network{${id}}  handle{43} ni{WIFI CONNECTED extra: } lp{{InterfaceName: wlan0 LinkAddresses: [ 192.168.1.5/24 ] DnsAddresses: [ ${servers} ] Domains: null MTU: 0}} }`;

test("the name servers of a phone are its default network's", () => {
  const text = [
    'NetworkProviders for: WifiNetworkFactory',
    'Active default network: 101',
    'Current Networks:',
    network(100, '/10.0.0.1'),
    network(101, '/192.168.1.1,/2001:db8::1'),
  ].join('\n');
  expect(parseDumpedServers(text)).toEqual(['192.168.1.1', '2001:db8::1']);
});

test.each([
  '',
  "Can't find service: connectivity",
  'Active default network: none',
  `Active default network: 7\n${network(7, '')}`,
])('a phone that names none has none: %j', (text) => {
  expect(parseDumpedServers(text)).toEqual([]);
});
