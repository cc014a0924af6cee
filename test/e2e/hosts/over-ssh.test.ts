import { symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { machinePaths } from '../../../src/core/paths.ts';
import { hostFrom, type Place } from '../../../src/host/host-from.ts';
import { runProcess } from '../../../src/host/local/process/process.ts';
import { findProgram, searchPath } from '../../../src/host/local/search-path.ts';
import { readPowerRecord } from '../../../src/machine/state/state.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { errorOf, helloSaying, says } from '../../support/hosts/over-ssh.ts';
import { MACHINE_PROGRAMS, type Sshd, startSshd } from '../../support/hosts/sshd.ts';
import { useSandbox } from '../../support/machine.ts';
import { isAll } from '../../support/run/sampled.ts';

const sandbox = useSandbox();
const otherComputer = useSandbox();
const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('a machine on a host behind ssh, which has no Node', () => {
  let sshd: Sshd;
  let there: Place;
  let port = 0;
  const files = (): string => join(there.paths.cache, 'files');
  const on = (...args: string[]): string[] => [...args, '--host', sshd.url()];

  beforeAll(async () => {
    sshd = await startSshd('coreutils', [], MACHINE_PROGRAMS);
    vi.stubEnv('PATH', `${sshd.bin}:${process.env['PATH']}`);
    vi.stubEnv('XDG_RUNTIME_DIR', sshd.folder);
    const host = hostFrom(sshd.url());
    there = { host, paths: (await host.place()).paths };
    port = await freePort();
    await define('Hello!');
  });
  afterAll(async () => {
    const running = await readPowerRecord(machinePaths(there.paths, 'hello'), there);
    if (running !== undefined) await there.host.signal(running, 'SIGKILL');
    vi.unstubAllEnvs();
    await sshd.stop();
  });

  const define = async (text: string): Promise<void> => {
    for (const computer of [sandbox, otherComputer]) {
      for (const name of ['hello', 'twin']) await computer.define(name, helloSaying(text, port));
    }
  };
  /** Name, inode and time of each file that was sent. */
  const sent = async (): Promise<string[]> => {
    const { stdout } = await runProcess(['find', files(), '-type', 'f', '-printf', '%f %i %T@\n']);
    return stdout.split('\n').filter(Boolean).toSorted();
  };

  test('is built here, boots there, and is told what it lacks', async () => {
    const { exitCode, stdout, stderr } = await sandbox.vmkit(on('boot', 'hello'));
    expect(exitCode, stderr).toBe(0);
    expect(stderr.split('has no Node')).toHaveLength(2);
    expect(stdout).toContain('hello is up');
    expect((await sent()).map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining([expect.stringMatching(/^[0-9a-f]{64}$/)]),
    );
    expect(await sandbox.state('hello')).toBeUndefined();
  });

  test('is looked at, logged in to and left', async () => {
    expect(await sandbox.json(on('status', 'hello'))).toMatchObject({
      condition: 'running',
      network: { world: 'none' },
    });
    expect(await sandbox.json(on('ls'))).toMatchObject([{ name: 'hello', condition: 'running' }]);
    const fed = await sandbox.vmkit(['exec', 'hello', '--host', sshd.url(), '--', 'sh', '-c', 'cat; exit 7'], {
      input: 'from here\n',
    });
    expect(fed).toMatchObject({ exitCode: 7, stdout: 'from here\n' });
    const shell = await sandbox.vmkit(on('shell', 'hello'), { input: 'echo in $(hostname)\nexit 3\n' });
    expect(shell).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('in hello') });
    const typed = sandbox.start(on('console', 'hello'), { input: '\necho $((40 + 2))nd\n', isTyped: true });
    await says(typed.process, /42nd/);
    typed.process.stdin?.end('\x1d');
    expect((await typed.ended).exitCode).toBe(0);
    const console = await sandbox.vmkit(on('logs', 'hello'));
    expect(console).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('42nd') });
    const following = sandbox.start(on('logs', 'hello', '-f'));
    await says(following.process, /42nd/);
    following.process.kill('SIGINT');
    expect((await following.ended).exitCode).toBe(0);
    const service = sandbox.start(on('logs', 'hello', 'hello', '-f', '-v'));
    await says(service.process, /hello\$ .*tail/);
    service.process.kill('SIGINT');
    expect((await service.ended).exitCode).toBe(130);
  });

  test('has its ports brought here, others where they are taken', async () => {
    const forward = sandbox.start(on('forward', 'hello'));
    // This host is this computer, so the port itself is taken here.
    const [, here] = await says(forward.process, /http:\/\/127\.0\.0\.1:(\d+)/);
    expect(Number(here)).not.toBe(port);
    expect(await (await fetch(`http://127.0.0.1:${here}/`)).text()).toBe('Hello!\n');
    forward.process.kill('SIGINT');
    expect((await forward.ended).exitCode).toBe(0);
    await expect(fetch(`http://127.0.0.1:${here}/`)).rejects.toThrow();
  });

  test('is the same machine for another computer, and excludes it', async () => {
    expect(await otherComputer.json(on('status', 'hello'))).toMatchObject({ condition: 'running' });
    const held = await there.host.lock(machinePaths(there.paths, 'hello').lock, 'somebody else');
    const boot = otherComputer.start(on('boot', 'hello'));
    await says(boot.process, /waits for somebody else/);
    await held.release();
    const { exitCode, stdout, stderr } = await boot.ended;
    expect({ exitCode, stdout }, stderr).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('runs already'),
    });
    expect(stdout).not.toContain('has changed');
    const twin = await sandbox.vmkit([...on('boot', 'twin'), '--json']);
    expect(errorOf(twin)).toMatchObject({ code: 'port-in-use' });
  });

  test.skipIf(!isAll)('is suspended there, and goes on in the same memory with the right time', async () => {
    const look = async (): Promise<readonly string[]> => {
      const script = 'cat /proc/sys/kernel/random/boot_id; date +%s.%N';
      const { stdout } = await sandbox.vmkit(['exec', 'hello', '--host', sshd.url(), '--', 'sh', '-c', script]);
      return stdout.trim().split('\n');
    };
    const [boot] = await look();
    await symlink(findProgram('perl', searchPath(process.env['PATH'] ?? '')) ?? '', join(sshd.path, 'perl'));
    await sandbox.json(on('suspend', 'hello'));
    expect(await otherComputer.json(on('ls'))).toMatchObject([{ name: 'hello', condition: 'suspended' }]);
    await sandbox.json(on('resume', 'hello'));
    const from = Date.now();
    const [same, now = ''] = await look();
    expect(same).toBe(boot);
    expect(Math.max(0, from - Number(now) * 1000, Number(now) * 1000 - Date.now())).toBeLessThan(500);
    expect(await sandbox.json(on('status', 'hello'))).toMatchObject({ condition: 'running' });
  });

  test('stops cleanly, also under a forward, which then ends', async () => {
    const forward = sandbox.start(on('forward', 'hello'));
    await says(forward.process, /http:/);
    const { exitCode, stdout, stderr } = await sandbox.vmkit(on('stop', 'hello'));
    expect({ exitCode, stdout }, stderr).toMatchObject({ exitCode: 0 });
    expect((await forward.ended).stderr).toContain('has ended');
    expect(await sandbox.json(on('status', 'hello'))).toMatchObject({ condition: 'off' });
  });

  test('takes only what changed, and with Node there gets its way into the world', async () => {
    const before = await sent();
    await define('Changed!');
    await symlink(process.execPath, join(sshd.path, 'node'));
    const { exitCode, stderr } = await sandbox.vmkit(on('boot', 'hello'));
    await unlink(join(sshd.path, 'node'));
    expect(exitCode, stderr).toBe(0);
    expect(stderr).not.toContain('has no Node');
    expect(new Set(stderr.match(/sends \S+:/g))).toEqual(new Set(['sends initramfs.cpio:']));
    const after = await sent();
    expect(after).toEqual(expect.arrayContaining(before));
    expect(after).toHaveLength(before.length + 1);
    expect(await sandbox.json(on('status', 'hello'))).toMatchObject({
      network: { world: 'internet' },
      isCutOff: false,
    });
    expect((await sandbox.vmkit(on('stop', 'hello'))).exitCode).toBe(0);
    expect((await sandbox.vmkit(on('rm', 'hello', '--yes'))).exitCode).toBe(0);
    expect(await there.host.list(machinePaths(there.paths, 'hello').dataDir)).toBeUndefined();
  });
});
