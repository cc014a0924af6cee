import { chown, readdir, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { runProcess } from '../../../src/host/local/process/process.ts';
import { contextOn, status } from '../../../src/index.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { errorOf, helloSaying } from '../../support/hosts/over-ssh.ts';
import { knowHost, MACHINE_PROGRAMS, type Sshd, startSshd, TEST_UID } from '../../support/hosts/sshd.ts';
import { useSandbox } from '../../support/machine.ts';

const sandbox = useSandbox();
const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('what a host behind ssh lacks has a name', () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd('coreutils', [], MACHINE_PROGRAMS);
    await sandbox.define('hello', helloSaying('Hello!', await freePort()));
    await sandbox.define('fixed', `arch: x86_64\n${helloSaying('Hello!', await freePort())}`);
  });
  beforeEach(() => {
    vi.stubEnv('PATH', `${sshd.bin}:${process.env['PATH']}`);
    vi.stubEnv('XDG_RUNTIME_DIR', sshd.folder);
  });
  afterEach(() => void vi.unstubAllEnvs());
  afterAll(() => sshd.stop());

  const bootOn = async (url: string, name = 'hello'): Promise<unknown> => {
    const ended = await sandbox.vmkit(['boot', name, '--json', '--host', url]);
    expect(ended.exitCode).not.toBe(0);
    return errorOf(ended);
  };
  const without = async (program: string, work: () => Promise<void>): Promise<void> => {
    const [file, away] = [join(sshd.path, program), join(sshd.folder, `away-${program}`)];
    await rename(file, away);
    await work().finally(() => rename(away, file));
  };
  /** What vmkit made in the home of the server's user. */
  const made = async (): Promise<string[]> => {
    const { stdout } = await runProcess(['find', sshd.home, '-type', 'f']);
    return stdout.split('\n').filter(Boolean);
  };

  test('an unknown host key, and no such user', async () => {
    knowHost(sshd.folder, sshd.port, undefined);
    expect(await bootOn(sshd.url())).toMatchObject({ kind: 'unreachable', code: 'ssh-host-key-unknown' });
    knowHost(sshd.folder, sshd.port, 'host');
    expect(await bootOn(sshd.url('nobody-of-that-name'))).toMatchObject({ code: 'ssh-denied' });
    await expect(contextOn(sshd.url('nobody-of-that-name'))).rejects.toMatchObject({ code: 'ssh-denied' });
    await expect(contextOn('https://server')).rejects.toMatchObject({ code: 'bad-usage' });
    expect(await made()).toEqual([]);
  });

  test('programs: QEMU, flock; doctor says the same', async () => {
    for (const program of ['qemu-system-x86_64', 'flock']) {
      await without(program, async () => {
        const error = await bootOn(sshd.url());
        const message = expect.stringContaining(`Missing on ${sshd.url()}: ${program}`);
        expect(error).toMatchObject({ code: 'tools-missing', message, details: { missing: [program] } });
        const doctor = await sandbox.vmkit(['doctor', '--host', sshd.url()]);
        expect(doctor).toMatchObject({
          exitCode: 3,
          stdout: expect.stringContaining(`${sshd.url()}: missing: ${program}`),
        });
      });
    }
    expect(await made()).toEqual([]);
  });

  test('the processor of the machine', async () => {
    const uname = join(sshd.path, 'uname');
    await without('qemu-system-x86_64', () =>
      without('uname', async () => {
        await writeFile(uname, '#!/bin/sh\n[ "$1" = -m ] && echo aarch64 || echo Linux 6.1\n', { mode: 0o755 });
        // Without `arch` it would be for whatever the host is.
        const error = await bootOn(sshd.url(), 'fixed').finally(() => unlink(uname));
        expect(error).toMatchObject({ code: 'other-architecture' });
      }),
    );
    expect(await made()).toEqual([]);
  });

  test('room on its disk', async () => {
    const full = await startSshd('coreutils', [], MACHINE_PROGRAMS, { folders: { XDG_CACHE_HOME: 'full' } });
    try {
      vi.stubEnv('PATH', `${full.bin}:${process.env['PATH']}`);
      vi.stubEnv('XDG_RUNTIME_DIR', full.folder);
      expect(await bootOn(full.url())).toMatchObject({ code: 'disk-full' });
      const { stdout } = await runProcess(['find', full.home, '-type', 'f', '-path', '*/files/*']);
      expect(stdout).toBe('');
    } finally {
      await full.stop();
    }
  });

  test('a home that can be written', async () => {
    await chown(sshd.home, 0, 0);
    try {
      expect(await bootOn(sshd.url())).toMatchObject({ code: 'not-writable' });
    } finally {
      await chown(sshd.home, TEST_UID, TEST_UID);
    }
    expect(await readdir(sshd.home)).toEqual(['full']);
  });

  test('a machine that was never booted there, asked for by a program', async () => {
    const context = await contextOn(sshd.url());
    expect(context.host.isHere).toBe(false);
    expect(context.paths.data).toBe(join(sshd.home, '.local/share/vmkit'));
    expect(context.builder.host.isHere).toBe(true);
    await expect(status('hello', context)).rejects.toMatchObject({ code: 'unknown-machine' });
  });
});
