import { describe, expect, test } from 'vitest';
import { expandIpv6, linkLocal } from '../../../src/core/addresses/ipv6.ts';
import { forwardFrame, type Member } from '../../../src/machine/switch/private-switch.ts';

const sql: Member = { name: 'sql', mac: '52:54:00:00:00:02', addresses: ['192.168.100.2', 'fd00:64::2'] };
const forge: Member = { name: 'forge', mac: '52:54:00:00:00:03', addresses: ['192.168.100.3', 'fd00:64::3'] };
const third: Member = { name: 'third', mac: '52:54:00:00:00:04', addresses: ['192.168.100.4'] };
const members = [sql, forge, third];

const bytes = (text: string): number[] =>
  text.includes(':') ? text.split(':').map((byte) => Number.parseInt(byte, 16)) : text.split('.').map(Number);
const ipv6 = (text: string): number[] => [...Buffer.from(expandIpv6(text).replaceAll(':', ''), 'hex')];

function ethernet(to: string, from: string, type: number, payload: readonly number[]): Uint8Array {
  return Uint8Array.from([...bytes(to), ...bytes(from), type >> 8, type & 255, ...payload]);
}
const v4 = (source: string): number[] => [...Array(12).fill(0), ...bytes(source), ...bytes('192.168.100.3')];
const v6 = (source: string): number[] => [...Array(8).fill(0), ...ipv6(source), ...ipv6('fd00:64::3')];
const arp = (mac: string, sender: string): number[] => [
  ...Array(8).fill(0),
  ...bytes(mac),
  ...bytes(sender),
  ...Array(10).fill(0),
];

describe('the switch of a private network', () => {
  test('brings a frame to the machine that it is for, and to no other', () => {
    const frame = ethernet(forge.mac, sql.mac, 0x0800, v4('192.168.100.2'));
    expect(forwardFrame(frame, sql, members).to).toEqual([forge]);
  });

  test('brings a broadcast to all others', () => {
    const frame = ethernet('ff:ff:ff:ff:ff:ff', sql.mac, 0x0806, arp(sql.mac, '192.168.100.2'));
    expect(forwardFrame(frame, sql, members).to).toEqual([forge, third]);
  });

  test.each([
    ['another MAC', ethernet(forge.mac, third.mac, 0x0800, v4('192.168.100.2')), 'foreign-mac'],
    ['another IPv4 address', ethernet(forge.mac, sql.mac, 0x0800, v4('192.168.100.4')), 'foreign-address'],
    ['another IPv6 address', ethernet(forge.mac, sql.mac, 0x86dd, v6('fd00:64::4')), 'foreign-address'],
    [
      "another's address in ARP",
      ethernet(forge.mac, sql.mac, 0x0806, arp(sql.mac, '192.168.100.3')),
      'foreign-address',
    ],
    ["another's MAC in ARP", ethernet(forge.mac, sql.mac, 0x0806, arp(forge.mac, '192.168.100.2')), 'foreign-mac'],
    [
      'a VLAN tag, which hides what is inside',
      ethernet(forge.mac, sql.mac, 0x8100, v4('192.168.100.2')),
      'unknown-protocol',
    ],
    ['half a header', ethernet(forge.mac, sql.mac, 0x0800, [1, 2, 3]), 'too-short'],
    ['a MAC that nobody has', ethernet('52:54:00:00:00:09', sql.mac, 0x0800, v4('192.168.100.2')), 'nobody'],
  ])('drops %s', (_what, frame, reason) => {
    expect(forwardFrame(frame, sql, members)).toEqual({ to: [], reason });
  });

  test.each(['fd00:64::2', linkLocal(sql.mac), '::'])(
    'lets %s of sql pass: its own, its link, or a probe',
    (source) => {
      const frame = ethernet('33:33:00:00:00:01', sql.mac, 0x86dd, v6(source));
      expect(forwardFrame(frame, sql, members).to).toEqual([forge, third]);
    },
  );
});
