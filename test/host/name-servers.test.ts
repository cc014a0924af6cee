import { expect, test } from 'vitest';
import { parseNameServers } from '../../src/host/network/name-servers.ts';

test.each([
  ['nameserver 192.0.2.1\nnameserver 2001:db8::1\n', ['192.0.2.1', '2001:db8::1']],
  ['# nameserver 192.0.2.9\nsearch example.org\n  nameserver\t192.0.2.1 \n', ['192.0.2.1']],
  ['nameserver 127.0.0.53\nnameserver ::1\nnameserver fe80::1%eth0\n', []],
  ['nameserver words\n', []],
  [[1, 2, 3, 4].map((at) => `nameserver 192.0.2.${at}\n`).join(''), ['192.0.2.1', '192.0.2.2', '192.0.2.3']],
])('name servers that another machine can ask, of %j', (text, servers) => {
  expect(parseNameServers(text)).toEqual(servers);
});
