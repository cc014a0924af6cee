import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { onCommands } from '../../src/core/announce.ts';
import { shellCommand } from '../../src/core/text/shell-quote.ts';
import type { SshAddress } from '../../src/guest/ssh/connect.ts';
import { type GuestHost, guestHost } from '../../src/guest/ssh/guest-host.ts';
import { localHost } from '../../src/host/local/local.ts';
import { dropbearKey, ensureSshKeys, type SshKeys } from '../../src/secrets/ssh-keys.ts';

let folder: string;
let keys: SshKeys;
let server: ssh2.Server;
let address: SshAddress;
let guest: GuestHost | undefined;
/** What the server was asked to run. */
let commands: string[];

function portOf(at: AddressInfo | string | null): number {
  return typeof at === 'object' && at !== null ? at.port : 0;
}

/** A real ssh server on loopback that runs what it is told in a real shell. */
beforeEach(async () => {
  commands = [];
  folder = await mkdtemp(join(tmpdir(), 'vmkit-ssh-'));
  keys = await ensureSshKeys(folder, localHost());
  server = new ssh2.Server({ hostKeys: [keys.hostKey] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (login) => {
      const isOurs =
        login.method === 'publickey' && login.key.data.toString('base64') === keys.clientPublicKey.split(' ')[1];
      if (isOurs && login.username === 'root') login.accept();
      else login.reject(['publickey']);
    });
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec, _reject, info) => {
        const channel = acceptExec();
        commands.push(info.command);
        if (info.command === 'hang-up') return client.end();
        const child = spawn('sh', ['-c', info.command]);
        channel.pipe(child.stdin);
        child.stdin.on('error', () => undefined);
        child.stdout.pipe(channel, { end: false });
        child.stderr.pipe(channel.stderr, { end: false });
        child.on('close', (code, signal) => {
          if (signal === null) channel.exit(code ?? 0);
          else channel.exit(signal);
          channel.end();
        });
        channel.on('close', () => child.kill());
      });
    });
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(portOf(server.address())));
  });
  const { clientKey, hostPublicKey } = keys;
  address = {
    name: 'sql',
    to: { tcp: port },
    host: localHost(),
    line: join(folder, 'login.lock'),
    clientKey,
    hostPublicKey,
  };
});

afterEach(async () => {
  guest?.close();
  guest = undefined;
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  await rm(folder, { recursive: true, force: true });
});

test('arguments arrive as they are', async () => {
  guest = await guestHost(address);
  const words = ['', 'a b', "it's", '$HOME', '`id`', '*', '\n', '"', '\\', '--', '007', '~', '#x', 'ä'];
  const { stdout, exitCode } = await guest.exec(['printf', '<%s>', ...words]);
  expect(stdout).toBe(words.map((word) => `<${word}>`).join(''));
  expect(exitCode).toBe(0);
});

test('exit codes, signals, input, environment and folder', async () => {
  guest = await guestHost(address);
  expect((await guest.exec(['sh', '-c', 'exit 7'])).exitCode).toBe(7);
  // Of the command itself, not of a shell around it.
  for (const [signal, exitCode] of [
    ['TERM', 143],
    ['KILL', 137],
    ['USR1', 138],
  ] as const)
    expect((await guest.exec(['eval', `kill -${signal} $$`])).exitCode).toBe(exitCode);
  expect((await guest.exec(['cat'], { input: 'hello\n' })).stdout).toBe('hello\n');
  expect(await guest.exec(['sh', '-c', 'echo "$A"; pwd; echo no >&2'], { env: { A: 'x y' }, cwd: '/' })).toMatchObject({
    stdout: 'x y\n/\n',
    stderr: 'no\n',
  });
});

test('a command of any length that Linux starts, and no longer one', async () => {
  guest = await guestHost(address);
  const words = Array.from({ length: 30 }, (_, at) => `${at}`.repeat(30_000));
  const { exitCode, stdout } = await guest.exec(['printf', '%s\n', ...words, "it's"], { cwd: '/', env: { A: 'x' } });
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${words.join('\n')}\nit's\n` });
  // The file that held it is gone.
  const file = commands.at(-1)?.replace('. ', '') ?? '';
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
  const before = commands.length;
  for (const long of [
    ['a'.repeat(131_072)],
    ['ä'.repeat(65_536)],
    Array(70).fill('b'.repeat(30_000)),
    Array(300_000).fill(''),
  ])
    await expect(guest.exec(['printf', ...long])).rejects.toMatchObject({ code: 'command-too-long', exitCode: 2 });
  expect(commands.length).toBe(before);
});

test('many logins at once wait in line', async () => {
  let most = 0;
  let now = 0;
  server.on('connection', (client: ssh2.Connection) => {
    most = Math.max(most, ++now);
    client.once('ready', () => {
      now -= 1;
    });
  });
  const guests = await Promise.all(Array.from({ length: 12 }, () => guestHost(address)));
  for (const each of guests) each.close();
  expect(most).toBeLessThanOrEqual(4);
});

test('files of any bytes are written whole and read back', async () => {
  guest = await guestHost(address);
  const path = join(folder, "new folder/it's here");
  const bytes = Buffer.from([0, 255, 10, 13, 128]);
  await guest.write(path, bytes, 0o640);
  expect(await guest.read(path)).toEqual(bytes);
  expect(await readFile(path)).toEqual(bytes);
  expect(await guest.read(join(folder, 'absent'))).toBeUndefined();
});

test('a command that does not end is given up', async () => {
  guest = await guestHost(address);
  await expect(guest.exec(['sleep', '60'], { withinMs: 200 })).rejects.toMatchObject({ code: 'tool-timeout' });
});

test('a connection that breaks is told from a command that fails', async () => {
  guest = await guestHost(address);
  await expect(guest.exec(['hang-up'])).rejects.toMatchObject({ code: 'guest-connection-lost' });
});

test('another host key is refused before anything is sent', async () => {
  const other = await ensureSshKeys(join(folder, 'other'), localHost());
  await expect(guestHost({ ...address, hostPublicKey: other.hostPublicKey })).rejects.toMatchObject({
    code: 'guest-key-changed',
  });
});

test('a key that the guest does not know is an error at once', async () => {
  const other = await ensureSshKeys(join(folder, 'other'), localHost());
  await expect(guestHost({ ...address, clientKey: other.clientKey })).rejects.toMatchObject({
    code: 'guest-unreachable',
  });
});

test('a server that never speaks is given up', async () => {
  const silent = createServer(() => undefined);
  const port = await new Promise<number>((resolve) => {
    silent.listen(0, '127.0.0.1', () => {
      resolve(portOf(silent.address()));
    });
  });
  await expect(guestHost({ ...address, to: { tcp: port } }, { withinMs: 300 })).rejects.toMatchObject({
    code: 'guest-unreachable',
  });
  silent.close();
});

test('keys are made once, and are private', async () => {
  expect(await ensureSshKeys(folder, localHost())).toEqual(keys);
});

test("dropbear's form of the host key holds its public key", async () => {
  const bytes = Buffer.from(await dropbearKey(keys.hostKey));
  const publicKey = Buffer.from(keys.hostPublicKey.split(' ')[1] ?? '', 'base64').subarray(-32);
  expect(bytes.subarray(0, 15)).toEqual(Buffer.from('\0\0\0\x0bssh-ed25519'));
  expect(bytes.readUInt32BE(15)).toBe(64);
  expect(bytes.subarray(-32)).toEqual(publicKey);
  expect(bytes).toHaveLength(15 + 4 + 64);
});

test('a guest that prints without end is stopped, and a file without end is not read', async () => {
  guest = await guestHost(address);
  await expect(guest.exec(['cat', '/dev/zero'])).rejects.toMatchObject({ code: 'output-too-long' });
  const long = join(folder, 'long');
  await localHost().exec(['truncate', '-s', '3G', long]);
  await expect(guest.read(long, 1024 * 1024)).rejects.toMatchObject({ code: 'file-too-long' });
  expect(await guest.read('/dev/zero', 1024)).toBeUndefined();
});

test('the values of variables are in no command line, and arrive as they are; so does the input after them', async () => {
  guest = await guestHost(address);
  const env = { PASSWORD: 'top "secret"\n$HOME \\n \'x\' ä', OTHER: '' };
  const script = 'printf "<%s><%s>" "$PASSWORD" "${OTHER-unset}"; cat; pwd; cat "/proc/$$/cmdline"';
  const input = Buffer.from([0, 255, 10, 13, 10]);
  const pieces: Uint8Array[] = [];
  const told: string[] = [];
  onTestFinished(onCommands((line) => void told.push(line)));
  const { exitCode } = await guest.exec(['sh', '-c', script], {
    env,
    input,
    cwd: '/',
    onOutput: (bytes) => void pieces.push(bytes),
  });
  const output = Buffer.concat(pieces);
  expect(exitCode).toBe(0);
  const expected = Buffer.concat([Buffer.from(`<${env.PASSWORD}><>`), input, Buffer.from('/\n')]);
  expect(output.subarray(0, expected.length)).toEqual(expected);
  expect(output.subarray(expected.length).toString()).toMatch(/^sh\0-c\0(?!.*secret)/s);
  expect(commands.join()).not.toContain('secret');
  // What -v shows: the guest's name, and what was asked for.
  expect(told).toEqual([`sql$ ${shellCommand(['sh', '-c', script])}`]);
});

test('a program that is not there has its exit code with variables, too', async () => {
  guest = await guestHost(address);
  expect((await guest.exec(['vmkit-no-such-program'], { env: { A: 'b' } })).exitCode).toBe(127);
});

test('more output than was asked for ends a command; what is given in pieces is not kept, however much it is', async () => {
  guest = await guestHost(address);
  const print = ['head', '-c', '100000', '/dev/zero'];
  await expect(guest.exec(print, { maxBytes: 50_000 })).rejects.toMatchObject({ code: 'output-too-long' });
  let bytes = 0;
  const count = (piece: Uint8Array): void => {
    bytes += piece.length;
  };
  expect((await guest.exec(print, { maxBytes: 50_000, onOutput: count })).stdout).toBe('');
  expect(bytes).toBe(100_000);
  const refuse = (): void => {
    throw new Error('refused');
  };
  await expect(guest.exec(print, { onOutput: refuse })).rejects.toThrow('refused');
});

test('interrupted while a channel is opened, or before the login: it ends at once', async () => {
  guest = await guestHost(address);
  const interruption = new AbortController();
  const run = guest.exec(['sleep', '600'], { signal: interruption.signal });
  interruption.abort();
  await expect(run).rejects.toMatchObject({ code: 'interrupted' });
  await expect(guestHost(address, { signal: interruption.signal })).rejects.toMatchObject({ code: 'interrupted' });
});
