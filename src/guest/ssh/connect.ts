import { randomInt } from 'node:crypto';
import type { Client, ConnectConfig } from 'ssh2';
import { throwIfInterrupted } from '../../core/deadline.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import { endpointName, type HostEndpoint } from '../../host/endpoint.ts';
import type { Host } from '../../host/host.ts';

/** How a guest is reached: where its ssh is on its host, our key, and the one host key that is accepted. */
export interface SshAddress {
  /** For messages: the machine's name. */
  readonly name: string;
  readonly to: HostEndpoint;
  readonly host: Pick<Host, 'open' | 'lock'>;
  /** There: lock files begin with it, before which logins wait for one another. */
  readonly line: string;
  /** Private key, OpenSSH format. */
  readonly clientKey: string;
  /** `ssh-ed25519 BASE64`. */
  readonly hostPublicKey: string;
}

interface ConnectOptions {
  readonly withinMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** dropbear turns away who comes while five others of the same address log in (MAX_UNAUTH_PER_IP in its sysoptions.h). */
const AT_ONCE = 4;
const LONGEST_LINE_MS = 120_000;

/**
 * Logs in as root, a few at a time. Throws `guest-unreachable` when that did not work in time, `guest-key-changed` when another host key answers.
 * The connection asks for a sign of life every 15 s, so that a guest that died is noticed within a minute.
 */
export async function connectSsh(address: SshAddress, options: ConnectOptions = {}): Promise<Client> {
  const { host, line, name } = address;
  const place = await host.lock(`${line}-${randomInt(AT_ONCE)}`, `a login to ${name}`, {
    withinMs: LONGEST_LINE_MS,
    signal: options.signal,
  });
  try {
    return await login(address, options);
  } finally {
    await place.release();
  }
}

async function login(address: SshAddress, options: ConnectOptions): Promise<Client> {
  // Loaded when it is needed: most verbs log in nowhere.
  const { default: ssh2 } = await import('ssh2');
  throwIfInterrupted(options.signal);
  const withinMs = options.withinMs ?? 10_000;
  const client = new ssh2.Client();
  let hasOtherKey = false;
  const expected = address.hostPublicKey.split(' ')[1] ?? '';
  const config: ConnectConfig = {
    username: 'root',
    privateKey: address.clientKey,
    readyTimeout: withinMs,
    keepaliveInterval: 15_000,
    keepaliveCountMax: 3,
    hostVerifier: (key: Buffer): boolean => {
      hasOtherKey = key.toString('base64') !== expected;
      return !hasOtherKey;
    },
  };
  return new Promise((resolve, reject) => {
    let isOver = false;
    const fail = (error: unknown): void => {
      isOver = true;
      release();
      client.destroy();
      reject(hasOtherKey ? otherKey(address) : unreachable(address, error));
    };
    const timer = setTimeout(() => fail(new Error(`no login within ${withinMs / 1000} s`)), withinMs);
    const abort = (): void => fail(new Error('interrupted'));
    const release = (): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', abort);
    };
    options.signal?.addEventListener('abort', abort, { once: true });
    client.once('ready', () => {
      release();
      // A later error of the connection reaches every channel as its close.
      client.on('error', () => undefined);
      resolve(client);
    });
    client.on('error', fail);
    client.once('close', () => fail(new Error('the connection was closed')));
    address.host.open(address.to).then((sock) => {
      // The client may have been given up meanwhile.
      sock.once('end', () => sock.destroy());
      if (isOver) sock.destroy();
      else client.connect({ ...config, sock });
    }, fail);
  });
}

function unreachable({ name, to }: SshAddress, cause: unknown): VmkitError {
  return new VmkitError(
    'unreachable',
    'guest-unreachable',
    `Logging in to ${name} by ssh on ${endpointName(to)}: ${messageOf(cause)}`,
    { hint: `vmkit status ${name} shows its services; vmkit console ${name} works without ssh.`, cause },
  );
}

function otherKey({ name, to }: SshAddress): VmkitError {
  return new VmkitError(
    'unreachable',
    'guest-key-changed',
    `${endpointName(to)} answered with a host key that is not the one of ${name}; nothing was sent.`,
    { hint: `Does another program listen there? vmkit stop ${name} and boot it again.` },
  );
}
