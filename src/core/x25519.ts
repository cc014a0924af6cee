import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';

// Keys are 32 bytes in base64, as WireGuard's tools print them (wg(8)).

/** What stands before the 32 bytes in PKCS #8 and SubjectPublicKeyInfo (RFC 8410, section 10). */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

export function generatePrivateKey(): string {
  const der = generateKeyPairSync('x25519').privateKey.export({ format: 'der', type: 'pkcs8' });
  return der.subarray(PRIVATE_PREFIX.length).toString('base64');
}

export function publicKeyOf(privateKey: string): string {
  const der = createPublicKey(readPrivate(privateKey)).export({ format: 'der', type: 'spki' });
  return der.subarray(PUBLIC_PREFIX.length).toString('base64');
}

/** The secret that two keys share, 32 bytes (RFC 7748, section 6.1). Throws where the public key is of low order. */
export function sharedSecret(privateKey: string, publicKey: string): Buffer {
  return diffieHellman({ privateKey: readPrivate(privateKey), publicKey: readPublic(publicKey) });
}

function readPrivate(key: string): KeyObject {
  const der = Buffer.concat([PRIVATE_PREFIX, Buffer.from(key, 'base64')]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function readPublic(key: string): KeyObject {
  const der = Buffer.concat([PUBLIC_PREFIX, Buffer.from(key, 'base64')]);
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}
