import { isIPv4 } from 'node:net';
import { expect, test } from 'vitest';
import { expandIpv6 } from '../../../src/core/addresses/ipv6.ts';
import { closedAddresses } from '../../../src/machine/gate/closed-addresses.ts';
import { worldGate } from '../../../src/machine/gate/world-gate.ts';

const NOTHING_OWN = { fibTrie: '     |-- 192.0.2.2\n        /32 host LOCAL\n', route: '', ipv6Route: '' };
const isClosed = closedAddresses(NOTHING_OWN, 'vmkit0');
const gateWith = (hostAccess: readonly number[] = [], now = (): number => 0) =>
  worldGate({ isClosed, hostAccess, now });
const gate = gateWith();

interface Packet {
  readonly from?: string;
  readonly to: string;
  readonly protocol?: number;
  readonly ports?: readonly [number, number];
  readonly flags?: number;
  /** The field of RFC 791: bits and offset of a piece. */
  readonly piece?: number;
  /** 4-byte words of options. */
  readonly options?: number;
}

const SYN = 0x02;
const ACK = 0x10;

function frame(packet: Packet): Buffer {
  const { to, protocol = 6, ports = [40_000, 80], flags = SYN, piece = 0, options = 0 } = packet;
  const transport = Buffer.alloc(20);
  transport.writeUInt16BE(ports[0], 0);
  transport.writeUInt16BE(ports[1], 2);
  transport.writeUInt8(flags, 13);
  const ethernet = (type: number): Buffer =>
    Buffer.from(`525500000202525400766d6b${type.toString(16).padStart(4, '0')}`, 'hex');
  if (isIPv4(to)) {
    const header = Buffer.alloc(20 + options * 4);
    header.writeUInt8(0x45 + options, 0);
    header.writeUInt16BE(piece, 6);
    header.writeUInt8(protocol, 9);
    header.set((packet.from ?? '10.0.2.15').split('.').map(Number), 12);
    header.set(to.split('.').map(Number), 16);
    return Buffer.concat([ethernet(0x0800), header, transport]);
  }
  const header = Buffer.alloc(40);
  header.writeUInt8(0x60, 0);
  header.writeUInt8(protocol, 6);
  header.set(Buffer.from(expandIpv6(packet.from ?? 'fec0::15').replaceAll(':', ''), 'hex'), 8);
  header.set(Buffer.from(expandIpv6(to).replaceAll(':', ''), 'hex'), 24);
  return Buffer.concat([ethernet(0x86dd), header, transport]);
}

test.each<[string, Packet]>([
  ['a dial of the world', { to: '8.8.8.8' }],
  ['by IPv6', { to: '2001:db8::1' }],
  ['a ping of the world', { to: '8.8.8.8', protocol: 1 }],
  ['a question to the name server', { to: '10.0.2.3', protocol: 17, ports: [40_000, 53] }],
  ['the same by TCP', { to: '10.0.2.3', ports: [40_000, 53] }],
  ['an answer to who dialled a forwarded port', { to: '10.0.2.2', ports: [80, 50_000], flags: SYN | ACK }],
  ['and what follows', { to: '10.0.2.2', ports: [80, 50_000], flags: ACK }],
])('leaves: %s', (_what, packet) => {
  expect(gate.leaves(frame(packet))).toBe(true);
});

test.each<[string, Packet]>([
  ['a dial of the loopback', { to: '10.0.2.2' }],
  ['a dial with another flag', { to: '10.0.2.2', flags: SYN | 0x08 }],
  ['a dial behind options', { to: '10.0.2.2', options: 3 }],
  ['a dial in pieces', { to: '10.0.2.2', piece: 0x2000, flags: ACK }],
  ['the last piece of one', { to: '10.0.2.2', piece: 1, flags: ACK }],
  ['UDP to the loopback', { to: '10.0.2.2', protocol: 17 }],
  ['a ping of the loopback', { to: '10.0.2.2', protocol: 1 }],
  ['another port of the name server', { to: '10.0.2.3', ports: [40_000, 22] }],
  ['another address of the user network', { to: '10.0.2.77' }],
  ['127.0.0.1 itself', { to: '127.0.0.1' }],
  ['an answer to 127.0.0.1 itself', { to: '127.0.0.1', flags: ACK }],
  ['metadata', { to: '169.254.169.254' }],
  ["this host's own address", { to: '192.0.2.2' }],
  ["an answer to this host's own address", { to: '192.0.2.2', flags: ACK }],
  ['the loopback by IPv6', { to: 'fec0::2' }],
  ['the name server by IPv6', { to: 'fec0::3', protocol: 17, ports: [1, 53] }],
  ['::1 itself', { to: '::1' }],
  ['127.0.0.1 by IPv6', { to: '::ffff:7f00:1' }],
  ['link-local by IPv6', { to: 'fe80::1' }],
  ['a piece of a packet for the world', { to: '8.8.8.8', protocol: 17, piece: 0x2000 }],
  ['the last piece of one for the world', { to: '8.8.8.8', protocol: 17, piece: 3 }],
  ['a foreign source', { from: '10.0.2.16', to: '8.8.8.8' }],
  ['a loopback source', { from: '127.0.0.1', to: '8.8.8.8' }],
  ['a foreign source by IPv6', { from: 'fec0::16', to: '2001:db8::1' }],
])('stays: %s', (_what, packet) => {
  expect(gate.leaves(frame(packet))).toBe(false);
});

test('stays: what is no packet, or of a protocol that nobody needs', () => {
  const whole = frame({ to: '8.8.8.8' });
  for (const length of [0, 13, 14, 33]) expect(gate.leaves(whole.subarray(0, length))).toBe(false);
  // Too short to say which port.
  expect(gate.leaves(frame({ to: '10.0.2.2', flags: ACK }).subarray(0, 40))).toBe(false);
  for (const type of ['8100', '88f8', '8863', '05dc']) {
    const other = Buffer.from(whole);
    other.set(Buffer.from(type, 'hex'), 12);
    expect(gate.leaves(other)).toBe(false);
  }
  // A header that is shorter than itself: where the ports are would be a matter of opinion.
  const short = Buffer.from(whole);
  short.writeUInt8(0x44, 14);
  expect(gate.leaves(short)).toBe(false);
});

test('neighbours are asked for by ARP and by ICMPv6, from any address', () => {
  expect(gate.leaves(Buffer.from('ffffffffffff525400766d6b0806', 'hex'))).toBe(true);
  const ask = frame({ from: 'fe80::1', to: 'ff02::1:ff00:2', protocol: 58 });
  ask.writeUInt8(135, 54);
  expect(gate.leaves(ask)).toBe(true);
  ask.writeUInt8(128, 54);
  expect(gate.leaves(ask)).toBe(false);
});

test('UDP goes back to who sent some, from the port that got it, for five minutes', () => {
  let time = 0;
  const own = gateWith([], () => time);
  for (const from of ['10.0.2.2', '192.0.2.2']) {
    const answer = frame({ to: from, protocol: 17, ports: [51_820, 4000] });
    expect(own.leaves(answer)).toBe(false);
    own.enters(frame({ from, to: '10.0.2.15', protocol: 17, ports: [4000, 51_820] }));
    expect(own.leaves(answer)).toBe(true);
    expect(own.leaves(frame({ to: from, protocol: 17, ports: [51_820, 4001] }))).toBe(false);
    expect(own.leaves(frame({ to: from, protocol: 17, ports: [51_821, 4000] }))).toBe(false);
    // TCP is none of it.
    expect(own.leaves(frame({ to: from, protocol: 6, ports: [51_820, 4000] }))).toBe(false);
    time += 300_000;
    expect(own.leaves(answer)).toBe(false);
  }
});

test('of many that sent UDP, the oldest is forgotten', () => {
  const own = gateWith();
  const answerTo = (port: number): boolean =>
    own.leaves(frame({ to: '10.0.2.2', protocol: 17, ports: [51_820, port] }));
  for (let port = 1; port <= 1025; port++)
    own.enters(frame({ from: '10.0.2.2', to: '10.0.2.15', protocol: 17, ports: [port, 51_820] }));
  expect([answerTo(1), answerTo(2), answerTo(1025)]).toEqual([false, true, true]);
});

test('hostAccess opens these TCP ports of the loopback, and nothing beside', () => {
  const own = gateWith([5432]);
  expect(own.leaves(frame({ to: '10.0.2.2', ports: [40_000, 5432] }))).toBe(true);
  expect(own.leaves(frame({ to: '10.0.2.2', ports: [40_000, 5433] }))).toBe(false);
  expect(own.leaves(frame({ to: '10.0.2.2', protocol: 17, ports: [40_000, 5432] }))).toBe(false);
  expect(own.leaves(frame({ to: '192.0.2.2', ports: [40_000, 5432] }))).toBe(false);
  expect(own.leaves(frame({ to: '10.0.2.3', ports: [40_000, 5432] }))).toBe(false);
});
