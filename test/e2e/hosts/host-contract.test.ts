import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFile,
  chmod,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { sha256 } from '../../../src/core/digest.ts';
import type { Host, HostProcess } from '../../../src/host/host.ts';
import { hostFrom } from '../../../src/host/host-from.ts';
import { localHost, localShell } from '../../../src/host/local/local.ts';
import { shellHost } from '../../../src/host/shell/shell-host.ts';
import { sshHost } from '../../../src/host/ssh/ssh-host.ts';
import { startPhone, whyNoPhone } from '../../android/phone.ts';
import { type Sshd, startSshd } from '../../support/hosts/sshd.ts';

const isRoot = process.getuid?.() === 0;

const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');

interface Place {
  readonly host: Host;
  /** A folder that the host's user can write to. */
  readonly folder: string;
  readonly end: () => Promise<void>;
  /** Where its ports are; 127.0.0.1 when absent. */
  readonly address?: string;
  /** The network namespace that it is in, where it is another one. */
  readonly namespace?: string;
}

async function localPlace(host: Host): Promise<Place> {
  const folder = await mkdtemp('/tmp/vmkit-host-');
  return { host, folder, end: () => rm(folder, { recursive: true, force: true }) };
}

async function sshPlace(kind: 'coreutils' | 'busybox'): Promise<Place> {
  const sshd: Sshd = await startSshd(kind);
  vi.stubEnv('PATH', `${sshd.bin}:${process.env['PATH']}`);
  vi.stubEnv('XDG_RUNTIME_DIR', sshd.folder);
  return {
    host: sshHost(sshd.url()),
    folder: sshd.home,
    end: async () => {
      vi.unstubAllEnvs();
      await sshd.stop();
    },
  };
}

async function adbPlace(): Promise<Place> {
  const phone = await startPhone();
  return { ...phone, host: hostFrom(`adb:${phone.serial}`), end: phone.stop };
}

const byShell = (...shell: string[]): Promise<Place> =>
  localPlace({ ...shellHost(localShell(shell)), address: localHost().address, open: localHost().open });

describe.each<[string, () => Promise<Place>, boolean]>([
  ['this machine', () => localPlace(localHost()), true],
  ['this machine, by bash', () => byShell('bash'), true],
  ['OpenSSH, coreutils', () => sshPlace('coreutils'), isRoot],
  ['OpenSSH, nothing but busybox', () => sshPlace('busybox'), isRoot],
  ['adbd, mksh and what toybox has on all phones, by su', adbPlace, whyNoPhone() === undefined],
])('a host: %s', (_name, start, canRun) => {
  if (!canRun) {
    test.skip('needs root, and its programs');
    return;
  }
  let place: Place;
  let host: Host;
  let count = 0;
  const path = (name: string): string => join(place.folder, name);
  /** A new folder there. */
  const folder = async (): Promise<string> => {
    count += 1;
    const made = path(`folder ${count}`);
    await host.makeFolder(made, 0o755);
    return made;
  };
  beforeAll(async () => {
    place = await start();
    host = place.host;
  });
  afterAll(() => place.end());

  test('says what it is', async () => {
    const { machine, cpus } = await host.facts();
    const { stdout } = await host.exec(['uname', '-m']);
    expect({ machine, isCounted: cpus > 0 }).toEqual({ machine: stdout.trim(), isCounted: true });
    const { bootId, system, uid, home, paths } = await host.place();
    expect(String(uid)).toBe((await host.exec(['id', '-u'])).stdout.trim());
    expect(await host.address()).toEqual({ name: place.address ?? '127.0.0.1', isDirect: true });
    expect(bootId).toBe((await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim());
    expect(system).toMatch(/^Linux \d/);
    expect(home).toMatch(/^\//);
    expect(paths.state).toMatch(/^\/.*vmkit$/);
    expect([...(await host.programs(['cat', 'vmkit-no-such-program', 'dd']))]).toEqual(['cat', 'dd']);
  });

  test('gives a command its words, its input, its folder, its environment', async () => {
    const words = ['', 'a b', "it's", '$HOME', '`id`', '*', '\n', '"', '\\', '\\n', '--', '007', '~', '#x', 'ä', '%b'];
    const { stdout } = await host.exec(['printf', '<%s>', ...words]);
    expect(stdout).toBe(words.map((word) => `<${word}>`).join(''));
    const script = 'cat; pwd; printf "%s\\n" "$A"; echo no >&2; exit 7';
    expect(await host.exec(['sh', '-c', script], { input: 'in\n', cwd: '/', env: { A: "x 'y'\nz\\n" } })).toEqual({
      exitCode: 7,
      stdout: "in\n/\nx 'y'\nz\\n\n",
      stderr: 'no\n',
    });
  });

  test('tells exit codes, signals and 255 apart from its own trouble', async () => {
    const codes = [];
    for (const script of ['exit 0', 'exit 255', 'exit 127', 'kill -TERM $$', 'kill -KILL $$']) {
      codes.push((await host.exec(['sh', '-c', script])).exitCode);
    }
    expect(codes).toEqual([0, 255, 127, 143, 137]);
    await expect(host.exec(['vmkit-no-such-program'])).rejects.toMatchObject({ code: 'tool-missing' });
    await expect(host.exec(['true'], { cwd: '/vmkit/no/such' })).rejects.toMatchObject({ code: 'tool-failed' });
    await expect(host.exec(['vmkit-no-such-program'], { input: 'touch /tmp/vmkit-injected\n' })).rejects.toThrow();
    expect(await host.stat('/tmp/vmkit-injected')).toBeUndefined();
  });

  test('takes and gives any bytes', async () => {
    const bytes = Buffer.concat([randomBytes(300_000), Buffer.from([0, 10, 13, 255, 10])]);
    const pieces: Uint8Array[] = [];
    const { stdout } = await host.exec(['cat'], { input: bytes, onOutput: (piece) => void pieces.push(piece) });
    expect(stdout).toBe('');
    expect(sha256(Buffer.concat(pieces))).toBe(sha256(bytes));
    // A command need not read what it is given, and what it left is not run by anybody.
    expect((await host.exec(['true'], { input: `${'x'.repeat(200_000)}\ntouch ${path('injected')}\n` })).exitCode).toBe(
      0,
    );
    expect(
      (await host.exec(['sh', '-c', 'read -r a; echo "$a"'], { input: `1\n${'y\n'.repeat(50_000)}` })).stdout,
    ).toBe('1\n');
    expect(await host.stat(path('injected'))).toBeUndefined();
    expect((await host.exec(['cat'])).stdout).toBe('');
  });

  test('gives lines while the command runs', async () => {
    const lines: string[] = [];
    const stop = new AbortController();
    const run = host.exec(['sh', '-c', 'echo one; printf "two\\r\\n" >&2; echo three; exec sleep 600'], {
      signal: stop.signal,
      onLine: (line) => {
        lines.push(line);
        if (lines.length === 3) stop.abort();
      },
    });
    await expect(run).rejects.toMatchObject({ code: 'interrupted' });
    expect(lines.toSorted()).toEqual(['one', 'three', 'two']);
  });

  test('ends a command and its children, also there, at its deadline and when told so', async () => {
    const script = "sh -c 'echo $$; exec sleep 601' & echo $$; wait; sleep 601";
    for (const how of ['deadline', 'signal'] as const) {
      const pids: number[] = [];
      const stop = new AbortController();
      const run = host.exec(['sh', '-c', script], {
        ...(how === 'signal' ? { signal: stop.signal } : { withinMs: 500 }),
        onLine: (line) => {
          pids.push(Number(line));
          if (pids.length === 2) stop.abort();
        },
      });
      await expect(run).rejects.toMatchObject({ code: how === 'signal' ? 'interrupted' : 'tool-timeout' });
      expect(pids).toHaveLength(2);
      expect(await poll(() => (pids.some(isAlive) ? undefined : true), { withinMs: 10_000 })).toBe(true);
    }
  });

  test('takes no more output than it is told to', async () => {
    const run = host.exec(['sh', '-c', 'while :; do echo 0123456789; done'], { maxBytes: 10_000 });
    await expect(run).rejects.toMatchObject({ code: 'output-too-long' });
    await expect(host.exec(['printf', 'x'], { maxBytes: 1 })).resolves.toMatchObject({ stdout: 'x' });
  });

  test('shows no value of the environment and no input in a command line or an error', async () => {
    const secret = `hunter${randomBytes(8).toString('hex')}`;
    const look = 'for f in /proc/[0-9]*/cmdline; do cat "$f" 2>/dev/null; done';
    const { stdout } = await host.exec(['sh', '-c', look], { env: { PASSWORD: secret }, input: secret });
    expect(stdout).not.toContain(secret);
    for (const argv of [['vmkit-no-such-program'], ['sleep', '600']]) {
      const error = await host.exec(argv, { env: { PASSWORD: secret }, withinMs: 500 }).catch(String);
      expect(error).not.toContain(secret);
    }
  });

  test('runs many commands at once', async () => {
    const numbers = Array.from({ length: 24 }, (_, index) => String(index));
    const results = await Promise.all(numbers.map((each) => host.exec(['sh', '-c', 'sleep 0.1; echo "$0"', each])));
    expect(results.map(({ stdout }) => stdout.trim())).toEqual(numbers);
  });

  test('writes a file whole with exactly its mode, and reads it back', async () => {
    const file = `${await folder()}/new/it's here`;
    const bytes = Buffer.concat([Buffer.from([0, 255, 10]), randomBytes(200_000)]);
    await host.write(file, bytes, 0o640);
    expect(await host.read(file)).toEqual(bytes);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
    await host.write(file, '', 0o600);
    expect(await host.read(file)).toEqual(Buffer.alloc(0));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(file, '..'))).toEqual(["it's here"]);
    expect(await host.read(`${file}-absent`)).toBeUndefined();
    await expect(host.read(join(file, '..'))).rejects.toThrow();
    await host.write(file, 'x'.repeat(100));
    await expect(host.read(file, 99)).rejects.toMatchObject({ code: 'file-too-long' });
    expect(await host.read(file, 100)).toHaveLength(100);
  });

  test('names what stands in the way of a write, and leaves nothing', async () => {
    const inTheWay = await folder();
    await host.makeFolder(`${inTheWay}/taken`, 0o755);
    await expect(host.write(`${inTheWay}/taken`, 'x')).rejects.toThrow();
    expect(await readdir(inTheWay)).toEqual(['taken']);
    if (!(await host.facts()).isRoot) {
      await expect(host.write('/etc/vmkit-test', 'x')).rejects.toMatchObject({ code: 'not-writable' });
    }
    await expect(host.write('/dev/full/x', 'x')).rejects.toThrow();
  });

  test('makes, lists, looks at and removes', async () => {
    const made = await folder();
    await host.makeFolder(`${made}/a/b`, 0o700);
    await host.write(`${made}/.hidden`, '12345', 0o604);
    await host.write(`${made}/two\nlines *`, '');
    await host.exec(['ln', '-s', 'nowhere', `${made}/link`]);
    expect([...((await host.list(made)) ?? [])].toSorted()).toEqual(['.hidden', 'a', 'link', 'two\nlines *']);
    expect(await host.list(`${made}/a/b`)).toEqual([]);
    expect(await host.list(`${made}/none`)).toBeUndefined();
    expect(await host.stat(`${made}/.hidden`)).toMatchObject({
      kind: 'file',
      bytes: 5,
      mode: 0o604,
      uid: (await stat(made)).uid,
    });
    expect(await host.stat(`${made}/a/b`)).toMatchObject({ kind: 'folder', mode: 0o700 });
    expect(await host.stat(`${made}/link`)).toBeUndefined();
    expect(Math.abs(((await host.stat(`${made}/.hidden`))?.changedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await host.freeBytes(`${made}/not/yet/there`)).toBeGreaterThan(1024);
    for (const each of ['', '/', '//', '/etc', 'a', '/etc/', `${made}/../x`, (await host.place()).home]) {
      await expect(host.remove(each), each).rejects.toMatchObject({ code: 'remove-refused' });
    }
    await host.remove(made);
    await host.remove(made);
    expect(await host.stat(made)).toBeUndefined();
  });

  test('what goes away while it is looked at is there or not, and never an error', async () => {
    const coming = join(await folder(), 'coming');
    const comes = `while :; do mkdir -p "$1"; echo a >"$1/log"; mv "$1/log" "$1/log.1"; sleep 0.01; rm -r "$1"; done`;
    const child = spawn('sh', ['-c', comes, 'sh', coming], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    const log = host.log(join(coming, 'log'));
    for (let look = 0; look < 100; look += 1) {
      expect([undefined, 'file']).toContain((await host.stat(join(coming, 'log')))?.kind);
      expect([undefined, 'folder']).toContain((await host.stat(coming))?.kind);
      expect([undefined, '', 'a\n']).toContain(textOf(await host.read(join(coming, 'log'))));
      for (const name of (await host.list(coming)) ?? []) expect(name).toMatch(/^log(\.1)?$/);
      for await (const line of log.lines()) expect(line).toBe('a');
    }
    await log.close();
  });

  test('starts what lives on, and knows it again', async () => {
    const logFile = `${await folder()}/logs/log`;
    const argv = ['sh', '-c', 'cat; echo "$SECRET $PWD"; echo problem >&2; exec sleep 600'];
    const started = await host.start(argv, { logFile, cwd: '/', env: { SECRET: 'hunter2' } });
    onTestFinished(() => void host.signal(started, 'SIGKILL'));
    const said = async () => (await readFile(logFile, 'utf8').catch(() => '')).split('\n').length > 2 || undefined;
    expect(await poll(said, { withinMs: 10_000 })).toBe(true);
    expect(await readFile(logFile, 'utf8')).toBe('hunter2 /\nproblem\n');
    expect((await stat(logFile)).mode & 0o777).toBe(0o600);
    expect(await host.isRunning(started)).toBe(true);
    for (const other of [{ startTime: started.startTime - 1 }, { bootId: 'former' }]) {
      expect(await host.signal({ ...started, ...other }, 'SIGKILL')).toBe(false);
    }
    expect(await host.isRunning(started)).toBe(true);
    expect(await host.signal(started, 'SIGTERM')).toBe(true);
    expect(await gone(host, started)).toBe(true);
    expect(await host.signal(started, 'SIGTERM')).toBe(false);
    await expect(host.start(['vmkit-no-such-program'], { logFile })).rejects.toMatchObject({ code: 'tool-missing' });
    const input = randomBytes(300_000);
    const fed = await host.start(['sh', '-c', 'sha256sum; sha256sum'], { logFile: `${logFile}.fed`, input });
    const early = await host.start(['true'], { logFile, input });
    expect([await gone(host, fed), await gone(host, early)]).toEqual([true, true]);
    expect(await readFile(`${logFile}.fed`, 'utf8')).toBe(`${sha256(input)}  -\n${sha256(Buffer.alloc(0))}  -\n`);
    const short = await host.start(['true'], { logFile });
    expect(await gone(host, short)).toBe(true);
  });

  test('copies a file with its holes, and not again', async () => {
    const here = await localFile(async (file) => {
      await file.write(Buffer.from('start'), 0, 5, 0);
      await file.write(randomBytes(200_000), 0, 200_000, 30_000_000);
      await file.write(Buffer.from('end'), 0, 3, 39_999_990);
      await file.truncate(40_000_001);
    });
    const to = `${await folder()}/sub/image`;
    const steps: number[] = [];
    const pushed = await host.push(here, to, {
      mode: 0o600,
      onProgress: (done, total) => void steps.push(done / total),
    });
    expect(pushed.sha256).toBe(sha256(await readFile(here)));
    expect(pushed.sentBytes).toBeLessThan(1_000_000);
    expect(sha256(await readFile(to))).toBe(pushed.sha256);
    const there = await host.stat(to);
    expect(there).toMatchObject({ bytes: 40_000_001, mode: 0o600 });
    expect(there?.bytesOnDisk).toBeLessThan(2_000_000);
    expect(steps.at(-1)).toBe(1);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect((await host.push(here, to)).sentBytes).toBe(0);
    await truncate(here, 10);
    expect((await host.push(here, to)).sentBytes).toBeGreaterThan(0);
    expect(await host.read(to)).toEqual(await readFile(here));
    await truncate(here, 0);
    await host.push(here, to);
    expect(await host.read(to)).toEqual(Buffer.alloc(0));
    expect(await readdir(join(to, '..'))).toEqual(['image']);
  });

  test('sends a file that two want to send, once whole', async () => {
    const here = await localFile(async (file) => void (await file.write(randomBytes(3_000_000))));
    const to = `${await folder()}/image`;
    const pushed = await Promise.all([host.push(here, to), host.push(here, to)]);
    expect(sha256(await readFile(to))).toBe(pushed[0]?.sha256);
    expect(await readdir(join(to, '..'))).toEqual(['image']);
  });

  test('sends anew what came damaged', async () => {
    const here = await localFile(async (file) => void (await file.write(randomBytes(300_000))));
    const to = `${await folder()}/image`;
    await host.write(`${to}.${sha256(await readFile(here)).slice(0, 16)}.part`, randomBytes(140_000));
    await host.push(here, to);
    expect(sha256(await readFile(to))).toBe(sha256(await readFile(here)));
  });

  test('follows a file that grows, is cut and is replaced', async () => {
    const inFolder = await folder();
    await chmod(inFolder, 0o777);
    const file = `${inFolder}/log`;
    await writeFile(file, 'skipped\nfirst\n', { mode: 0o644 });
    const stop = new AbortController();
    let text = '';
    const following = (async () => {
      for await (const bytes of host.follow(file, { from: 8, signal: stop.signal }))
        text += Buffer.from(bytes).toString();
    })();
    const until = (end: string) => poll(() => (text.endsWith(end) ? text : undefined), { withinMs: 15_000 });
    expect(await until('first\n')).toBe('first\n');
    await appendFile(file, 'grown\n');
    expect(await until('grown\n')).toBe('first\ngrown\n');
    await writeFile(file, 'cut\n');
    expect(await until('cut\n')).toMatch(/grown\n(.*\n)?cut\n$/);
    await writeFile(`${file}.new`, 'replaced\n');
    await rename(`${file}.new`, file);
    expect(await until('replaced\n')).toMatch(/cut\nreplaced\n$/);
    stop.abort();
    await following;
  });

  test('reads a log through changes of its file', async () => {
    const inFolder = await folder();
    await chmod(inFolder, 0o777);
    const file = `${inFolder}/it's a log`;
    const log = host.log(file);
    const all = async (): Promise<string[]> => {
      const lines: string[] = [];
      for await (const line of log.lines()) lines.push(line);
      return lines;
    };
    const rotate = async (text: string): Promise<void> => {
      await rename(file, `${file}.1`);
      await writeFile(file, text);
    };
    expect(await all()).toEqual([]);
    await writeFile(file, 'one\n');
    await rotate('two\nth');
    expect(await all()).toEqual(['one', 'two']);
    await appendFile(file, 'ree\n\nfo');
    await rotate('ur\n');
    expect(await all()).toEqual(['three', '', 'four']);
    expect(await all()).toEqual([]);
    await rotate('five\n');
    await rotate('six\n');
    expect(await all()).toEqual(['five', 'six']);
    await log.close();
  });

  test('says which file may be the work of others', async () => {
    const inFolder = await folder();
    await host.write(`${inFolder}/file`, 'x', 0o644);
    await host.requireOurs(`${inFolder}/file`);
    await host.requireOurs(`${inFolder}/none/file`);
    await host.exec(['ln', '-s', 'file', `${inFolder}/link`]);
    await host.requireOurs(`${inFolder}/link`);
    for (const [mode, where] of [
      [0o666, 'file'],
      [0o777, ''],
    ] as const) {
      await chmod(join(inFolder, where), mode);
      for (const name of ['file', 'link']) {
        await expect(host.requireOurs(`${inFolder}/${name}`)).rejects.toMatchObject({
          code: 'not-ours',
          message: expect.stringContaining('may be written by everybody'),
        });
      }
      await chmod(join(inFolder, where), where === '' ? 0o755 : 0o644);
    }
    // A folder where each renames his own only.
    await chmod(inFolder, 0o1777);
    await host.requireOurs(`${inFolder}/file`);
  });

  test('lets one hold a lock, and tells the others who', async () => {
    const file = `${await folder()}/locks/lock`;
    const held = await host.lock(file, 'vmkit boot sql');
    await expect(host.lock(file, 'another', { withinMs: 0 })).rejects.toMatchObject({
      code: 'lock-busy',
      details: { holder: 'vmkit boot sql' },
    });
    const holders: string[] = [];
    const next = host.lock(file, 'the next', { onWait: (holder) => void holders.push(holder) });
    expect(await poll(() => holders[0], { withinMs: 10_000 })).toBe('vmkit boot sql');
    // Removed while it is waited for, it excludes nobody: a new one is made.
    await held.release();
    const second = await next;
    expect(second.lost.aborted).toBe(false);
    await second.release();
    const stop = new AbortController();
    const third = await host.lock(file, 'the third');
    const interrupted = host.lock(file, 'the fourth', { signal: stop.signal, onWait: () => stop.abort() });
    await expect(interrupted).rejects.toMatchObject({ code: 'interrupted' });
    await third.release();
    await (await host.lock(file, 'the last', { withinMs: 5_000 })).release();
  });

  test('opens ports and sockets', async () => {
    const port = await host.freePort();
    const socket = `${await folder()}/socket`;
    await chmod(join(socket, '..'), 0o777);
    for (const at of [port, socket]) {
      const stop = await serveEcho(at, place.namespace);
      if (at === socket) await chmod(socket, 0o666);
      const stream = await host.open(typeof at === 'number' ? { tcp: at } : { unix: at });
      stream.end(Buffer.from([1, 0, 255]));
      const pieces: Buffer[] = [];
      for await (const piece of stream) pieces.push(piece);
      expect(Buffer.concat(pieces)).toEqual(Buffer.concat([Buffer.from('hello\n'), Buffer.from([1, 0, 255])]));
      await stop();
    }
    const text = await (async () => {
      let got = '';
      for await (const piece of await host.open({ tcp: port })) got += piece;
      return got;
    })().catch(() => '');
    expect(text).toBe('');
  });
});

const ECHO = `const server = require('node:net').createServer({ allowHalfOpen: true }, (stream) => {
  stream.write('hello\\n');
  stream.pipe(stream);
});
const at = process.argv[1];
server.listen(...(at.startsWith('/') ? [at] : [Number(at), '127.0.0.1']), () => console.log('ready'));`;

/** A server of its own process, in the network that the host is in. */
async function serveEcho(at: string | number, namespace: string | undefined): Promise<() => Promise<void>> {
  const enter = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace];
  const [program = '', ...args] = [...enter, process.execPath, '-e', ECHO, String(at)];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return async () => {
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  };
}

function gone(host: Host, target: HostProcess): Promise<true | undefined> {
  return poll(async () => ((await host.isRunning(target)) ? undefined : true), { withinMs: 10_000 });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function localFile(fill: (file: Awaited<ReturnType<typeof open>>) => Promise<void>): Promise<string> {
  const folder = await mkdtemp('/tmp/vmkit-push-');
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = await open(join(folder, 'file'), 'w');
  await fill(file);
  await file.close();
  return join(folder, 'file');
}
