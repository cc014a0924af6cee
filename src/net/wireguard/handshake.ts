import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { blake2s } from '@noble/hashes/blake2.js';
import { hmac } from '@noble/hashes/hmac.js';
import { generatePrivateKey, publicKeyOf, sharedSecret } from '../../core/x25519.ts';

// WireGuard's messages, as its white paper defines them (sections 5.4.2, 5.4.3, 5.4.6), and drivers/net/wireguard/noise.c. The initiator's side only.

/** Both keys in base64. */
export interface WireguardKeys {
  readonly privateKey: string;
  /** Of the other side. */
  readonly peerKey: string;
}

/** A handshake that was begun: the message to send, and what the answer is read with. */
export interface Initiation {
  readonly message: Buffer;
  readonly keys: WireguardKeys;
  readonly ephemeral: string;
  readonly chain: Uint8Array;
  readonly hash: Uint8Array;
}

/** Keys of a session. */
export interface Session {
  /** The index by which the other side knows it. */
  readonly receiver: number;
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
}

const CONSTRUCTION = 'Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s';
const IDENTIFIER = 'WireGuard v1 zx2c4 Jason@zx2c4.com';
const TAG_BYTES = 16;
const INITIATION_BYTES = 148;
const RESPONSE_BYTES = 92;
const DATA_HEADER_BYTES = 16;
const NOTHING = new Uint8Array();

/** A new one for each try: the other side takes a time only once, and none that is earlier. `now`: milliseconds since 1970. */
export function beginHandshake(keys: WireguardKeys, now: number): Initiation {
  const peer = Buffer.from(keys.peerKey, 'base64');
  const ephemeral = generatePrivateKey();
  const ephemeralPublic = Buffer.from(publicKeyOf(ephemeral), 'base64');
  const start = hash(text(CONSTRUCTION));
  const hashOfPeer = hash(hash(start, text(IDENTIFIER)), peer);
  const [chainOfEphemeral] = derive(start, ephemeralPublic);
  const hashOfEphemeral = hash(hashOfPeer, ephemeralPublic);

  const [chainOfStatic, staticKey] = derive(chainOfEphemeral, sharedSecret(ephemeral, keys.peerKey));
  const ownPublic = Buffer.from(publicKeyOf(keys.privateKey), 'base64');
  const sealedStatic = seal(staticKey, 0n, ownPublic, hashOfEphemeral);
  const hashOfStatic = hash(hashOfEphemeral, sealedStatic);

  const [chain, timeKey] = derive(chainOfStatic, sharedSecret(keys.privateKey, keys.peerKey));
  const sealedTime = seal(timeKey, 0n, timestamp(now), hashOfStatic);

  const type = Buffer.from([1, 0, 0, 0]);
  const signed = Buffer.concat([type, randomBytes(4), ephemeralPublic, sealedStatic, sealedTime]);
  const mac1 = blake2s(signed, { key: hash(text('mac1----'), peer), dkLen: 16 });
  // mac2 is zero as long as the other side did not ask for it.
  const message = Buffer.concat([signed, mac1, Buffer.alloc(INITIATION_BYTES - signed.length - mac1.length)]);
  return { message, keys, ephemeral, chain, hash: hash(hashOfStatic, sealedTime) };
}

/** The session, where this is the answer to that message; undefined for everything else. */
export function finishHandshake(
  { message, keys, ephemeral, ...begun }: Initiation,
  answer: Buffer,
): Session | undefined {
  if (answer.length !== RESPONSE_BYTES || answer[0] !== 2) return undefined;
  if (!answer.subarray(8, 12).equals(message.subarray(4, 8))) return undefined;
  const theirs = answer.subarray(12, 44);
  const theirKey = theirs.toString('base64');
  const [first] = derive(begun.chain, theirs);
  const [second] = derive(first, sharedSecret(ephemeral, theirKey));
  const [third] = derive(second, sharedSecret(keys.privateKey, theirKey));
  // No preshared key: 32 zeros.
  const [chain, tau, key] = derive(third, new Uint8Array(32));
  const hashOfAnswer = hash(hash(begun.hash, theirs), tau);
  if (open(key, 0n, answer.subarray(44, 44 + TAG_BYTES), hashOfAnswer) === undefined) return undefined;
  const [sendKey, receiveKey] = derive(chain, NOTHING);
  return { receiver: answer.readUInt32LE(4), sendKey, receiveKey };
}

/** A packet as a message of the session; `counter` is used once. */
export function sealPacket({ receiver, sendKey }: Session, counter: bigint, packet: Uint8Array): Buffer {
  const header = Buffer.alloc(DATA_HEADER_BYTES);
  header.writeUInt8(4, 0);
  header.writeUInt32LE(receiver, 4);
  header.writeBigUInt64LE(counter, 8);
  const padded = Buffer.alloc(Math.ceil(packet.length / 16) * 16);
  padded.set(packet);
  return Buffer.concat([header, seal(sendKey, counter, padded, NOTHING)]);
}

/** The packet in a message, with what fills it up to 16 bytes; undefined where it is none of this session. */
export function openPacket({ receiveKey }: Session, message: Buffer): Buffer | undefined {
  if (message.length < DATA_HEADER_BYTES + TAG_BYTES || message[0] !== 4) return undefined;
  return open(receiveKey, message.readBigUInt64LE(8), message.subarray(DATA_HEADER_BYTES), NOTHING);
}

function text(value: string): Buffer {
  return Buffer.from(value, 'latin1');
}

function hash(...parts: readonly Uint8Array[]): Uint8Array {
  return blake2s(Buffer.concat(parts));
}

/** HKDF with HMAC-BLAKE2s (white paper, section 5.4: KDF3); who needs fewer takes the first ones. */
function derive(key: Uint8Array, input: Uint8Array): readonly [Uint8Array, Uint8Array, Uint8Array] {
  const secret = hmac(blake2s, key, input);
  const first = hmac(blake2s, secret, Uint8Array.of(1));
  const second = hmac(blake2s, secret, Buffer.concat([first, Uint8Array.of(2)]));
  return [first, second, hmac(blake2s, secret, Buffer.concat([second, Uint8Array.of(3)]))];
}

/** TAI64N (white paper, section 5.1). Only its growth counts. */
function timestamp(now: number): Buffer {
  const stamp = Buffer.alloc(12);
  stamp.writeBigUInt64BE(2n ** 62n + 10n + BigInt(Math.floor(now / 1000)), 0);
  stamp.writeUInt32BE((now % 1000) * 1_000_000, 8);
  return stamp;
}

/** ChaCha20-Poly1305 (RFC 8439). The nonce is four zeros and the counter, little endian. */
function seal(key: Uint8Array, counter: bigint, plain: Uint8Array, also: Uint8Array): Buffer {
  const options = { authTagLength: TAG_BYTES };
  const cipher = createCipheriv('chacha20-poly1305', key, nonce(counter), options);
  cipher.setAAD(also, { plaintextLength: plain.length });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Uint8Array, counter: bigint, sealed: Buffer, also: Uint8Array): Buffer | undefined {
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce(counter), { authTagLength: TAG_BYTES });
  decipher.setAAD(also, { plaintextLength: end });
  decipher.setAuthTag(sealed.subarray(end));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function nonce(counter: bigint): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64LE(counter, 4);
  return bytes;
}
