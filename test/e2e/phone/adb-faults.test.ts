import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { sha256 } from '../../../src/core/digest.ts';
import { VmkitError } from '../../../src/core/errors/errors.ts';
import type { Host } from '../../../src/host/host.ts';
import { hostFrom } from '../../../src/host/host-from.ts';
import { type Phone, startPhone, whyNoPhone } from '../../android/phone.ts';
import { SEED } from '../../support/run/dice.ts';
import { isAll } from '../../support/run/sampled.ts';

describe.skipIf(whyNoPhone() !== undefined)('a phone by adb', () => {
  let phone: Phone;
  let host: Host;
  beforeAll(async () => {
    phone = await startPhone();
    host = hostFrom(`adb:${phone.serial}`);
    await host.stat('/');
  });
  afterAll(() => phone.stop());

  /** The moments of the cuts: another one each run, and told, so that a failure can be repeated. */
  const rounds = isAll ? 20 : 3;
  test(`adbd dies, or is frozen, at any moment, and nothing is half done (VMKIT_TEST_SEED=${SEED})`, async () => {
    const here = await randomFile(12_000_000);
    const whole = sha256(await readFile(here));
    const to = join(phone.folder, 'cut/image');
    const file = join(phone.folder, 'cut/file');
    const texts = ['old', 'new'.repeat(1_000_000)];
    for (let round = 0; round < rounds; round += 1) {
      await host.write(file, 'old');
      const works = [
        host.push(here, to),
        host.write(file, 'new'.repeat(1_000_000)),
        host.exec(['sh', '-c', 'cat >/dev/null; exec sleep 617'], { input: randomBytes(1_000_000) }),
      ];
      const ended = Promise.allSettled(works);
      await sleep((SEED * (round + 7)) % 400);
      const isFrozen = round % 3 === 2;
      if (isFrozen) phone.signal('SIGSTOP');
      else await phone.restart();
      const again = isFrozen ? undefined : setInterval(() => void phone.restart(), 4_000);
      const ends = await ended;
      clearInterval(again);
      if (isFrozen) phone.signal('SIGCONT');
      expect(ends[2]).toMatchObject({ status: 'rejected', reason: { code: 'adb-connection-lost' } });
      for (const end of ends.slice(0, 2)) {
        if (end.status === 'rejected') expect(end.reason).toMatchObject({ kind: 'unreachable' });
      }
      expect(texts).toContain(Buffer.from((await host.read(file)) ?? []).toString());
      if (ends[1]?.status === 'fulfilled') expect((await readFile(file)).length).toBe(3_000_000);
      const image = await readFile(to).catch(() => undefined);
      if (image !== undefined) expect(sha256(image)).toBe(whole);
      expect(image === undefined).toBe(ends[0]?.status === 'rejected' && image === undefined);
      await host.remove(to);
    }
    // A command whose connection is gone is ended there.
    const gone = async () => ((await countOf('sleep 617')) === 0 ? true : undefined);
    expect(await poll(gone, { withinMs: 15_000 })).toBe(true);
    await host.push(here, to);
    expect(sha256(await readFile(to))).toBe(whole);
    const left = async () =>
      (await readdir(join(phone.folder, 'cut'))).toSorted().join() === 'file,image' ? true : undefined;
    expect(await poll(left, { withinMs: 10_000 })).toBe(true);
  });

  test('a frozen adbd is a lost connection, for a lock too; after it thaws all goes on', async () => {
    const held = await host.lock(join(phone.folder, 'lock'), 'the first');
    const run = host.exec(['sh', '-c', 'echo; exec sleep 618'], { onLine: () => phone.signal('SIGSTOP') });
    try {
      await expect(run).rejects.toMatchObject({ code: 'adb-connection-lost' });
      expect(await poll(() => held.lost.aborted || undefined, { withinMs: 60_000 })).toBe(true);
      expect(held.lost.reason).toMatchObject({ code: 'adb-connection-lost' });
    } finally {
      phone.signal('SIGCONT');
    }
    await held.release();
    await (await host.lock(join(phone.folder, 'lock'), 'the second', { withinMs: 20_000 })).release();
    const gone = async () => ((await countOf('sleep 618')) === 0 ? true : undefined);
    expect(await poll(gone, { withinMs: 20_000 })).toBe(true);
  });

  test('a push that was cut off sends only the rest', async () => {
    const here = await randomFile(12_000_000);
    const to = join(phone.folder, 'resumed/image');
    let cut: Promise<void> | undefined;
    const onProgress = (done: number, total: number): void => {
      if (done > total / 2) cut ??= phone.restart();
    };
    await expect(host.push(here, to, { onProgress })).rejects.toMatchObject({ code: 'adb-connection-lost' });
    await cut;
    expect(await host.stat(to)).toBeUndefined();
    const { sentBytes } = await host.push(here, to);
    expect(sentBytes).toBeLessThan(12_000_000);
    expect(sha256(await readFile(to))).toBe(sha256(await readFile(here)));
  });

  test('what was started lives on when adbd ends', async () => {
    const started = await host.start(['sleep', '600'], { logFile: join(phone.folder, 'logs/log') });
    onTestFinished(() => void host.signal(started, 'SIGKILL'));
    await phone.restart();
    expect(await host.isRunning(started)).toBe(true);
    expect(await host.signal(started, 'SIGTERM')).toBe(true);
  });

  test('storage that is full or read-only is named, and nothing stays', async () => {
    const full = join(phone.folder, 'full');
    await host.exec(['sh', '-c', 'mkdir "$0" && mount -t tmpfs -o size=256k none "$0"', full]);
    const here = await randomFile(1_000_000);
    await expect(host.push(here, `${full}/image`)).rejects.toMatchObject({ code: 'disk-full' });
    await expect(host.write(`${full}/file`, randomBytes(1_000_000))).rejects.toMatchObject({ code: 'disk-full' });
    expect(await host.list(full)).toEqual([]);
    await host.exec(['mount', '-o', 'remount,ro', full]);
    await expect(host.write(`${full}/file`, 'x')).rejects.toMatchObject({ code: 'not-writable' });
    await expect(host.push(here, `${full}/image`)).rejects.toMatchObject({ code: 'not-writable' });
    await host.exec(['umount', full]);
  });

  test('who we are: root by su, adb’s own user, and why it is neither', async () => {
    expect((await host.place()).uid).toBe(0);
    expect((await host.place()).paths.data).toBe('/data/adb/vmkit/.local/share/vmkit');
    const shell = hostFrom(`adb:shell@${phone.serial}`);
    expect(await shell.place()).toMatchObject({ uid: 2000, home: '/data/local/tmp' });
    await shell.requireOurs('/data/local/tmp/file');
    await expect(host.requireOurs('/data/local/tmp/file')).rejects.toMatchObject({ code: 'not-ours' });
    const su = await readFile(join(phone.folder, 'data/lab/bin/su'), 'utf8');
    for (const [script, user, code] of [
      ['echo 28.1:MAGISKSU; [ "$1" = -v ] || { echo Permission denied; exit 13; }', '', 'adb-su-denied'],
      ['exec sleep 600', 'shell@', undefined],
      [undefined, 'root@', 'adb-no-su'],
      [undefined, '', undefined],
    ] as const) {
      if (script === undefined) await rm(join(phone.folder, 'data/lab/bin/su'), { force: true });
      else phone.program('su', `#!/bin/sh\n${script}\n`);
      const uid = hostFrom(`adb:${user}${phone.serial}`)
        .place()
        .then(({ uid }) => uid, codeOf);
      expect(await uid, `${user} ${script}`).toBe(code ?? 2000);
    }
    phone.program('su', '#!/bin/sh\n[ "$1" = -v ] && echo 28.1:MAGISKSU && exit\nexit 1\n');
    phone.program('getprop', '#!/bin/sh\necho false\n');
    expect(await hostFrom(`adb:${phone.serial}`).place().catch(codeOf)).toBe('adb-locked');
    phone.program('su', su);
    await rm(join(phone.folder, 'data/lab/bin/getprop'));
  });

  test('a phone that is not there, or is one of several', async () => {
    expect(await hostFrom('adb:0123456789ABCDEF').facts().catch(codeOf)).toBe('adb-no-device');
    expect(await hostFrom(`adb:${phone.address}:1`).facts().catch(codeOf)).toBe('adb-no-device');
    expect((await hostFrom('adb:').place()).uid).toBe(0);
  });
});

/** An adb server that is none: it answers as one would, of phones that cannot be made here. */
async function fakeAdbServer(devices: string): Promise<void> {
  const server = createServer((stream) => {
    stream.on('error', () => undefined);
    const answer = (text: string): void => void stream.write(`OKAY${text.length.toString(16).padStart(4, '0')}${text}`);
    stream.on('data', (chunk) => {
      const service = chunk.toString().slice(4);
      answer(
        service === 'host:devices' ? devices : `failed to authenticate to ${service.slice('host:connect:'.length)}`,
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  vi.stubEnv('ANDROID_ADB_SERVER_PORT', String(typeof address === 'object' ? address?.port : ''));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    server.close();
  });
}

test('what a fake of adb’s server says of phones is told apart', async () => {
  for (const [devices, url, code] of [
    ['', 'adb:', 'adb-no-device'],
    ['A\tdevice\nB\tdevice\n', 'adb:', 'adb-several-devices'],
    ['A\tunauthorized\n', 'adb:A', 'adb-unauthorized'],
    ['A\tno permissions; see [udev]\n', 'adb:A', 'adb-offline'],
    ['A\trecovery\n', 'adb:A', 'adb-offline'],
    ['', 'adb:192.168.1.7:5555', 'adb-unauthorized'],
  ] as const) {
    await fakeAdbServer(devices);
    expect(await hostFrom(url).facts().catch(codeOf), devices).toBe(code);
  }
});

test('without the program adb, and without its server', async () => {
  vi.stubEnv('ANDROID_ADB_SERVER_PORT', '1');
  vi.stubEnv('PATH', '/vmkit/none');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await hostFrom('adb:').facts().catch(codeOf)).toBe('tool-missing');
});

function codeOf(error: unknown): string {
  return error instanceof VmkitError ? error.code : String(error);
}

async function randomFile(bytes: number): Promise<string> {
  const folder = await mkdtemp('/tmp/vmkit-adb-');
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'file'), randomBytes(bytes));
  return join(folder, 'file');
}

async function countOf(command: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.replaceAll('\0', ' ').trim() === command).length;
}
