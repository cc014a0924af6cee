import { expect, test } from 'vitest';
import { decodeSegment, encodeSegment, TCP } from '../../src/net/frames/tcp-segment.ts';

const HERE = { address: '10.88.0.254', port: 40_000 };
const THERE = { address: '10.88.0.1', port: 3000 };
const SYN = { flags: TCP.syn, sequence: 4_000_000_000, acknowledgement: 0, data: Buffer.alloc(0) };
const DATA = { flags: TCP.psh | TCP.ack, sequence: 7, acknowledgement: 2 ** 32 - 1, data: Buffer.from('GET / odd') };

/** 0 where the checksum over these bytes is right (RFC 1071). */
const sumOf = (bytes: Buffer): number => {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  return 0xffff - ((sum % 0xffff) + (sum % 0xffff === 0 ? 0xffff : 0));
};

test('what is sent is what is read, with both checksums right', () => {
  for (const segment of [SYN, DATA]) {
    const packet = encodeSegment(HERE, THERE, segment, 1420);
    expect(decodeSegment(packet, HERE, THERE)).toEqual(segment);
    expect(sumOf(packet.subarray(0, 20))).toBe(0);
    const length = packet.length - 20;
    const pseudo = Buffer.concat([packet.subarray(12, 20), Buffer.from([0, 6, length >> 8, length & 255])]);
    expect(sumOf(Buffer.concat([pseudo, packet.subarray(20)]))).toBe(0);
  }
});

test('a SYN says the longest segment that fits the tunnel', () => {
  const packet = encodeSegment(HERE, THERE, SYN, 1420);
  expect([...packet.subarray(40)]).toEqual([2, 4, 0x05, 0x64]);
});

test('padding is no data; another connection, another protocol and what is cut off are nothing', () => {
  const packet = encodeSegment(HERE, THERE, DATA, 1420);
  const padded = Buffer.concat([packet, Buffer.alloc(7)]);
  expect(decodeSegment(padded, HERE, THERE)?.data.toString()).toBe('GET / odd');
  expect(decodeSegment(packet, HERE, { ...THERE, port: 3001 })).toBeUndefined();
  expect(decodeSegment(packet, THERE, HERE)).toBeUndefined();
  expect(decodeSegment(packet.subarray(0, -1), HERE, THERE)).toBeUndefined();
  const udp = Buffer.from(packet);
  udp[9] = 17;
  expect(decodeSegment(udp, HERE, THERE)).toBeUndefined();
});
