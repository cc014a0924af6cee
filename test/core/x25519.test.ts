import { expect, test } from 'vitest';
import { generatePrivateKey, publicKeyOf, sharedSecret } from '../../src/core/x25519.ts';

const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');

/** RFC 7748, section 6.1. */
const ALICE = {
  privateKey: base64('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'),
  publicKey: base64('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'),
};
const BOB = base64('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
const SHARED = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';

test('the public key and the shared secret of the RFC', () => {
  expect(publicKeyOf(ALICE.privateKey)).toBe(ALICE.publicKey);
  expect(sharedSecret(ALICE.privateKey, BOB).toString('hex')).toBe(SHARED);
});

test('a new key is another one each time, and has a public half', () => {
  const [one, other] = [generatePrivateKey(), generatePrivateKey()];
  expect(one).not.toBe(other);
  expect(sharedSecret(one, publicKeyOf(other))).toEqual(sharedSecret(other, publicKeyOf(one)));
});
