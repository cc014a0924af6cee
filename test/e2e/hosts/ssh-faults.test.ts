import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { sha256 } from '../../../src/core/digest.ts';
import type { Host } from '../../../src/host/host.ts';
import { hostFrom } from '../../../src/host/host-from.ts';
import { runProcess } from '../../../src/host/local/process/process.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { knowHost, type Sshd, startSshd } from '../../support/hosts/sshd.ts';
import { SEED } from '../../support/run/dice.ts';

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('a host behind ssh', () => {
  let sshd: Sshd;
  let host: Host;
  beforeAll(async () => {
    sshd = await startSshd('coreutils', ['MaxSessions 3']);
    vi.stubEnv('PATH', `${sshd.bin}:${process.env['PATH']}`);
    vi.stubEnv('XDG_RUNTIME_DIR', sshd.folder);
    host = hostFrom(sshd.url());
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await sshd.stop();
  });

  /** Milliseconds until the cut: another one each run, and told, so that a failure can be repeated. */
  const cutAfter = async (number: number): Promise<void> => {
    await sleep((SEED * (number + 7)) % 400);
    sshd.cutConnections();
  };
  test(`cut at any moment, leaves nothing half done (VMKIT_TEST_SEED=${SEED})`, async () => {
    const here = await randomFile(20_000_000);
    const to = join(sshd.home, 'cut/image');
    const whole = sha256(await readFile(here));
    for (let number = 0; number < 3; number += 1) {
      const file = join(sshd.home, 'cut/file');
      await host.write(file, 'old');
      const works = [
        host.push(here, to),
        host.write(file, 'new'.repeat(3_000_000)),
        host.exec(['sh', '-c', 'cat >/dev/null; exec sleep 613'], { input: randomBytes(1_000_000) }),
      ];
      const ended = Promise.allSettled(works);
      await cutAfter(number);
      // What logged in only after the cut is cut again.
      const again = setInterval(() => sshd.cutConnections(), 1_000);
      const ends = await ended;
      clearInterval(again);
      expect(ends[2]).toMatchObject({ status: 'rejected', reason: { code: expect.stringMatching(/^ssh-/) } });
      for (const end of ends.slice(0, 2)) {
        if (end.status === 'rejected')
          expect(end.reason).toMatchObject({ kind: 'unreachable', code: expect.stringMatching(/^ssh-/) });
      }
      expect(['old', 'new'.repeat(3_000_000)]).toContain(Buffer.from((await host.read(file)) ?? []).toString());
      const image = await readFile(to).catch(() => undefined);
      if (image !== undefined) expect(sha256(image)).toBe(whole);
    }
    // A command whose connection is gone is ended there.
    expect(await poll(async () => ((await countOf('sleep 613')) === 0 ? true : undefined), { withinMs: 15_000 })).toBe(
      true,
    );
    await host.push(here, to);
    expect(sha256(await readFile(to))).toBe(whole);
    const left = async () =>
      (await readdir(join(sshd.home, 'cut'))).toSorted().join() === 'file,image' ? true : undefined;
    expect(await poll(left, { withinMs: 10_000 })).toBe(true);
  });

  test('a push that was cut off sends only the rest', async () => {
    const here = await randomFile(20_000_000);
    const to = join(sshd.home, 'resumed/image');
    let hasCut = false;
    const onProgress = (done: number, total: number): void => {
      if (hasCut || done < total / 2) return;
      hasCut = true;
      sshd.cutConnections();
    };
    await expect(host.push(here, to, { onProgress })).rejects.toMatchObject({ code: 'ssh-connection-lost' });
    expect(await host.stat(to)).toBeUndefined();
    const { sentBytes } = await host.push(here, to);
    expect(sentBytes).toBeLessThan(20_000_000);
    expect(sha256(await readFile(to))).toBe(sha256(await readFile(here)));
  });

  test('a lock is free, and its holder knows, when its connection was lost; what was started lives on', async () => {
    const started = await host.start(['sleep', '600'], { logFile: join(sshd.home, 'logs/log') });
    onTestFinished(() => void host.signal(started, 'SIGKILL'));
    const lock = join(sshd.home, 'lock');
    const held = await host.lock(lock, 'the first');
    sshd.cutConnections();
    expect(await poll(() => held.lost.aborted || undefined, { withinMs: 20_000 })).toBe(true);
    expect(held.lost.reason).toMatchObject({ code: 'ssh-connection-lost' });
    await held.release();
    await (await host.lock(lock, 'the second', { withinMs: 20_000 })).release();
    expect(await host.isRunning(started)).toBe(true);
    expect(await host.signal(started, 'SIGTERM')).toBe(true);
  });

  test('a command that shrugs SIGTERM off is killed', async () => {
    const pids: number[] = [];
    const run = host.exec(['sh', '-c', 'trap "" TERM; echo $$; while :; do sleep 0.2; done'], {
      withinMs: 1_000,
      onLine: (line) => void pids.push(Number(line)),
    });
    await expect(run).rejects.toMatchObject({ code: 'tool-timeout' });
    expect(pids).toHaveLength(1);
    const dead = () =>
      readFile(`/proc/${pids[0]}/stat`).then(
        () => undefined,
        () => true as const,
      );
    expect(await poll(dead, { withinMs: 15_000 })).toBe(true);
  });

  test('a server that lets few sessions through serves many', async () => {
    const locks = await Promise.all(['a', 'b', 'c', 'd'].map((name) => host.lock(join(sshd.home, 'many', name), name)));
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) => host.exec(['sh', '-c', `sleep 0.1; echo ${index}`])),
    );
    expect(results.map(({ stdout }) => Number(stdout))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(locks.every(({ lost }) => !lost.aborted)).toBe(true);
    await Promise.all(locks.map((lock) => lock.release()));
  });

  test('a login shell that talks is no output, and one that takes no commands is named', async () => {
    const talking = hostFrom(sshd.url('vmkit-banner'));
    expect(await talking.exec(['echo', 'hello'])).toEqual({ exitCode: 0, stdout: 'hello\n', stderr: '' });
    await talking.write(join(sshd.home, 'talking'), 'x');
    expect(await talking.read(join(sshd.home, 'talking'))).toEqual(Buffer.from('x'));
    await expect(hostFrom(sshd.url('vmkit-no-login')).facts()).rejects.toMatchObject({ code: 'ssh-no-shell' });
  });

  test('why a login failed has a name', async () => {
    const codeOf = async (url: string): Promise<unknown> =>
      hostFrom(url)
        .facts()
        .then(
          () => 'ok',
          (error) => error.code,
        );
    expect(await codeOf(`ssh://nobody-of-that-name@127.0.0.1:${sshd.port}`)).toBe('ssh-denied');
    expect(await codeOf(`ssh://127.0.0.1:${await freePort()}`)).toBe('ssh-refused');
    expect(await codeOf('ssh://vmkit-no-such-host.invalid')).toBe('ssh-no-such-host');
    const hangingUp = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => void hangingUp.listen(0, '127.0.0.1', resolve));
    const address = hangingUp.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    expect(await codeOf(`ssh://127.0.0.1:${port}`)).toBe('ssh-failed');
    hangingUp.close();
    for (const [key, code] of [
      [undefined, 'ssh-host-key-unknown'],
      ['stranger', 'ssh-host-key-changed'],
    ] as const) {
      knowHost(sshd.folder, sshd.port, key);
      expect(await codeOf(`ssh://root@127.0.0.1:${sshd.port}`)).toBe(code);
    }
    knowHost(sshd.folder, sshd.port, 'host');
  });

  test('a full disk and a foreign folder have names, and leave nothing', async () => {
    const full = join(sshd.home, 'full');
    await expect(host.write(`${full}/file`, 'x'.repeat(1_000_000))).rejects.toMatchObject({ code: 'disk-full' });
    expect(await host.list(full)).toEqual([]);
    await expect(host.push(await randomFile(1_000_000), `${full}/image`)).rejects.toMatchObject({ code: 'disk-full' });
    expect(await host.stat(`${full}/image`)).toBeUndefined();
    await expect(host.write('/etc/vmkit', 'x')).rejects.toMatchObject({ code: 'not-writable' });
    await expect(host.lock('/etc/vmkit/lock', 'x')).rejects.toMatchObject({ code: 'lock-failed' });
    const logFile = '/etc/vmkit/log';
    await expect(host.start(['true'], { logFile })).rejects.toMatchObject({ code: 'not-writable' });
  });
});

async function randomFile(bytes: number): Promise<string> {
  const folder = await mkdtemp('/tmp/vmkit-push-');
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'file'), randomBytes(bytes));
  expect((await stat(join(folder, 'file'))).size).toBe(bytes);
  return join(folder, 'file');
}

async function countOf(command: string): Promise<number> {
  const { stdout } = await runProcess(['ps', '-eo', 'args']);
  return stdout.split('\n').filter((line) => line === command).length;
}
