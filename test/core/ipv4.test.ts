import { expect, test } from 'vitest';
import {
  formatSubnet,
  freeSubnet,
  isPrivate,
  overlaps,
  parseSubnet,
  type Subnet,
} from '../../src/core/addresses/ipv4.ts';

const subnet = (text: string): Subnet => {
  const parsed = parseSubnet(text);
  if (parsed === undefined) throw new TypeError(text);
  return parsed;
};

test.each([
  '192.168.100.1/24',
  '192.168.100.0/33',
  '192.168.256.0/24',
  '192.168.100/24',
  '1.2.3.4/8/8',
  'default',
  '::/0',
])('%s is no subnet', (text) => expect(parseSubnet(text)).toBeUndefined());

test.each([
  ['192.168.100.0/24', '192.168.0.0/16', true],
  ['192.168.100.0/24', '192.168.100.7', true],
  ['192.168.100.0/24', '192.168.101.0/24', false],
  ['128.0.0.0/1', '255.255.255.255', true],
  ['10.0.0.0/8', '11.0.0.0/8', false],
])('%s and %s overlap: %s', (one, other, expected) => {
  expect(overlaps(subnet(one), subnet(other))).toBe(expected);
  expect(overlaps(subnet(other), subnet(one))).toBe(expected);
});

test.each([
  ['172.16.0.0/12', true],
  ['172.32.0.0/16', false],
  ['192.0.0.0/8', false],
])('%s is private: %s', (text, expected) => expect(isPrivate(subnet(text))).toBe(expected));

test.each([
  [24, [], '192.168.100.0/24'],
  [24, ['192.168.100.128/25', '192.168.101.1'], '192.168.102.0/24'],
  [24, ['192.168.96.0/19', '192.168.128.0/17'], '192.168.0.0/24'],
  [24, ['192.168.0.0/16'], '172.16.0.0/24'],
  [16, ['192.168.3.0/24', '172.16.0.0/12'], '10.0.0.0/16'],
  [24, ['192.168.0.0/16', '172.16.0.0/12', '10.0.0.0/8'], undefined],
])('a free /%i beside %j is %s', (bits, taken, expected) => {
  const free = freeSubnet(bits, taken.map(subnet));
  expect(free === undefined ? undefined : formatSubnet(free)).toBe(expected);
});
