import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import type { ParsedKey } from 'ssh2';
import { VmkitError } from '../core/errors/errors.ts';
import type { Host } from '../host/host.ts';

/** The two key pairs of a machine: ours, and the guest's own, made here so that it is known before the first login. */
export interface SshKeys {
  /** Private keys in OpenSSH's format. */
  readonly clientKey: string;
  readonly hostKey: string;
  /** `ssh-ed25519 BASE64`: the line for authorized_keys, and the host key that is pinned. */
  readonly clientPublicKey: string;
  readonly hostPublicKey: string;
}

/** Reads the keys of a machine from its secrets folder, `ssh/client_key` and `ssh/host_key`; makes those that are absent, once. */
export async function ensureSshKeys(secretsDir: string, host: Host): Promise<SshKeys> {
  const [clientKey, hostKey] = await Promise.all(
    ['client_key', 'host_key'].map((name) => ensureKey(join(secretsDir, 'ssh', name), host)),
  );
  if (clientKey === undefined || hostKey === undefined) throw new TypeError('Two keys were made.');
  return {
    clientKey: clientKey.text,
    hostKey: hostKey.text,
    clientPublicKey: publicLine(clientKey.key),
    hostPublicKey: publicLine(hostKey.key),
  };
}

/**
 * A host key as dropbear reads it (dropbear's source, ed25519.c, buf_put_ed25519_priv_key): the name, then seed and public key as one
 * string, each with its length in four bytes.
 */
export async function dropbearKey(opensshKey: string): Promise<Uint8Array> {
  const key = await parse(opensshKey, 'the host key');
  const jwk = createPrivateKey(key.getPrivatePEM()).export({ format: 'jwk' });
  const pair = Buffer.concat([Buffer.from(jwk.d ?? '', 'base64url'), Buffer.from(jwk.x ?? '', 'base64url')]);
  return Buffer.concat([lengthAndBytes(Buffer.from('ssh-ed25519')), lengthAndBytes(pair)]);
}

async function ensureKey(path: string, host: Host): Promise<{ text: string; key: ParsedKey }> {
  const there = await host.readOurs(path);
  const text = there ?? (await generateKey());
  const key = await parse(text, path);
  if (there === undefined) await host.write(path, text, 0o600);
  return { text, key };
}

/** ssh2 writes about 4 keys of 1000 wrong (a public key with a leading zero loses it), so what it made is read before it counts. */
async function generateKey(): Promise<string> {
  const { utils } = await loadSsh2();
  for (let tries = 0; tries < 20; tries++) {
    const text = utils.generateKeyPairSync('ed25519').private;
    if (!(utils.parseKey(text) instanceof Error)) return text;
  }
  throw new TypeError('ssh2 made no readable key in 20 tries.');
}

async function parse(text: string, what: string): Promise<ParsedKey> {
  const { utils } = await loadSsh2();
  const key = utils.parseKey(text);
  if (!(key instanceof Error)) return key;
  throw new VmkitError('host', 'ssh-key-damaged', `Reading ${what}: ${key.message}`, {
    hint: 'Move that file away while the machine is off; the next boot makes a new key.',
  });
}

/** Loaded when a key is needed: it has 35 files, and most verbs need none of them. */
async function loadSsh2(): Promise<typeof import('ssh2')> {
  return (await import('ssh2')).default;
}

function publicLine(key: ParsedKey): string {
  return `${key.type} ${key.getPublicSSH().toString('base64')}`;
}

function lengthAndBytes(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
