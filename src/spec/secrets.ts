import { createHmac, randomBytes, randomInt } from 'node:crypto';
import { generatePrivateKey, publicKeyOf } from '../core/x25519.ts';
import type { ServiceSecret } from './service.ts';

const PLACEHOLDER = /\{\{(secret|public):([^{}]+)\}\}/g;
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';

/** Whether a file's content waits for a secret, and so must not be in any image. */
export function holdsSecret(content: string): boolean {
  return content.search(PLACEHOLDER) >= 0;
}

/**
 * Puts the secrets into a content: `{{secret:NAME}}`, and `{{public:NAME}}` for the public half of a key. `secretOf` answers for each name; the loader has
 * made sure that all are known.
 */
export function renderSecrets(content: string, secretOf: (name: string) => string): string {
  return content.replaceAll(PLACEHOLDER, (_, half: string, name: string) =>
    half === 'public' ? publicKeyOf(secretOf(name)) : secretOf(name),
  );
}

/** A new secret. Kinds are described at ServiceSecret. `nowSeconds` is the Unix time. */
export function generateSecret(kind: Exclude<ServiceSecret['kind'], 'made'>, nowSeconds: number): string {
  switch (kind) {
    case 'password':
      return Array.from({ length: 24 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
    case 'key':
      return randomBytes(32).toString('base64url');
    case 'hex':
      return randomBytes(32).toString('hex');
    case 'runner':
      return randomBytes(20).toString('hex');
    case 'jwt':
      return signJwt({ nbf: nowSeconds }, randomBytes(32));
    case 'wireguard':
      return generatePrivateKey();
  }
}

/** A JSON web token, HS256 (RFC 7519, RFC 7515). */
function signJwt(claims: Readonly<Record<string, number>>, key: Uint8Array): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${body}.${createHmac('sha256', key).update(body).digest('base64url')}`;
}
