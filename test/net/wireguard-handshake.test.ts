import { expect, test } from 'vitest';
import { generatePrivateKey, publicKeyOf } from '../../src/core/x25519.ts';
import { beginHandshake, finishHandshake, openPacket, sealPacket } from '../../src/net/wireguard/handshake.ts';

// That a kernel takes these messages is proven by test/e2e/ways/wireguard.test.ts.

const keys = { privateKey: generatePrivateKey(), peerKey: publicKeyOf(generatePrivateKey()) };

test('an initiation is a message of 148 bytes, another one each time, and holds no key in clear', () => {
  const [one, other] = [beginHandshake(keys, 1_800_000_000_000), beginHandshake(keys, 1_800_000_000_001)];
  expect([one.message.length, one.message.readUInt32LE(0)]).toEqual([148, 1]);
  expect(one.message.equals(other.message)).toBe(false);
  expect(one.message.includes(Buffer.from(publicKeyOf(keys.privateKey), 'base64'))).toBe(false);
});

test('what is no answer to it is passed over', () => {
  const initiation = beginHandshake(keys, 1_800_000_000_000);
  const answer = Buffer.alloc(92);
  answer[0] = 2;
  initiation.message.copy(answer, 8, 4, 8);
  Buffer.from(publicKeyOf(generatePrivateKey()), 'base64').copy(answer, 12);
  expect(finishHandshake(initiation, answer)).toBeUndefined();
  expect(finishHandshake(initiation, answer.subarray(0, 60))).toBeUndefined();
  expect(finishHandshake(initiation, Buffer.alloc(92))).toBeUndefined();
});

test('a packet is opened by its key, filled up to 16 bytes, and not when a byte of it differs', () => {
  const key = Buffer.alloc(32, 7);
  const session = { receiver: 0x01020304, sendKey: key, receiveKey: key };
  const message = sealPacket(session, 5n, Buffer.from('twenty bytes of it..'));
  expect(message.subarray(0, 16).toString('hex')).toBe('04000000040302010500000000000000');
  expect(openPacket(session, message)?.toString('latin1')).toBe(`twenty bytes of it..${'\0'.repeat(12)}`);
  message[20] = (message[20] ?? 0) ^ 1;
  expect(openPacket(session, message)).toBeUndefined();
  expect(openPacket(session, Buffer.alloc(20))).toBeUndefined();
});
