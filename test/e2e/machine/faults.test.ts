import type { ChildProcess } from 'node:child_process';
import { copyFile, readdir, readFile, readlink, rename, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { isRunning } from '../../../src/host/local/process/background.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { useSandbox } from '../../support/machine.ts';
import { isAll, sampled } from '../../support/run/sampled.ts';

/** A small machine with one service of its own, and what a test changes in it. */
const tiny = (change: { ready?: string; run?: string; ports?: string; data?: string } = {}): string => `memory: 256MiB
data: ${change.data ?? '64MiB'}
services:
  - name: counter
    setup: |
      read -r boots <boots || boots=0
      echo $((boots + 1)) >boots
      sync boots
    run: ${change.run ?? 'echo counting; exec sleep infinity'}
    ready: ${change.ready ?? '{ check: "test -s /data/counter/boots", within: 60s }'}
    ports: [${change.ports ?? ''}]
`;

describe.sequential('faults', () => {
  const sandbox = useSandbox();

  async function boots(name: string): Promise<number> {
    return Number((await sandbox.vmkit(['exec', name, '--', 'cat', '/data/counter/boots'])).stdout);
  }

  async function off(name: string): Promise<void> {
    expect(await sandbox.json(['stop', name])).toMatchObject({ name });
  }

  beforeAll(async () => {
    await sandbox.define('tiny', tiny());
    const booted = await sandbox.vmkit(['boot', 'tiny']);
    expect(booted.stderr).not.toContain('error:');
    await off('tiny');
  });

  // Whatever a test leaves, the next one begins with a machine that is off and whole.
  afterEach(async () => {
    await sandbox.vmkit(['stop', 'tiny', '--within', '30']);
    await sandbox.define('tiny', tiny());
  });

  test('two boots at the same moment: one starts it, the other waits and finds it running', async () => {
    const [first, second] = await Promise.all([sandbox.json(['boot', 'tiny']), sandbox.json(['boot', 'tiny'])]);
    expect([first, second]).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ booted: expect.objectContaining({ wasRunning: true }) }),
        expect.objectContaining({ booted: expect.objectContaining({ wasRunning: false }) }),
      ]),
    );
    expect(await boots('tiny')).toBe(2);
  });

  test('a taken port is named, with the service that wants it and the process that has it, before anything starts', async () => {
    const port = await freePort();
    const server = await new Promise<Server>((resolve) => {
      const listening = createServer().listen(port, '127.0.0.1', () => resolve(listening));
    });
    await sandbox.define('tiny', tiny({ ports: `{ name: web, port: 80, host: ${port} }` }));
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'tiny', '--json']);
    server.close();
    expect(exitCode).toBe(3);
    const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
    expect(error).toMatchObject({
      code: 'port-in-use',
      details: [{ port, service: 'counter', holder: { pid: process.pid } }],
    });
    expect(error.message).toContain(`Port ${port}`);
    expect(await sandbox.state('tiny')).toBeUndefined();
  });

  test('a port that is ready in the guest but answers nobody is named', async () => {
    const port = await freePort();
    await sandbox.define('tiny', tiny({ ports: `{ name: web, port: 81, protocol: http, host: ${port} }` }));
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'tiny']);
    expect(exitCode).toBe(5);
    expect(stderr).toContain(`counter on 127.0.0.1:${port} (http)`);
  });

  test('a service that does not get ready is named, with the end of its log, and the machine stays to be looked at', async () => {
    await sandbox.define(
      'tiny',
      tiny({ run: 'echo I am broken; exec sleep infinity', ready: '{ check: "false", within: 20s }' }),
    );
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'tiny']);
    expect(exitCode).toBe(5);
    expect(stderr).toContain('the service counter missed the deadline');
    expect(stderr).toContain('I am broken');
    expect(stderr).toContain('vmkit shell tiny');
    expect(await sandbox.json(['status', 'tiny'])).toMatchObject({
      condition: 'failed',
      services: expect.arrayContaining([expect.objectContaining({ name: 'counter', state: 'late' })]),
    });
    expect((await sandbox.vmkit(['logs', 'tiny', 'counter'])).stdout).toContain('I am broken');
  });

  test('the data disk is missing: refused, and nothing takes its place', async () => {
    const { dataDisk } = sandbox.machine('tiny');
    await moveAway(dataDisk);
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'tiny']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('never replaced');
    expect(await readdir(sandbox.machine('tiny').dataDir)).not.toContain('data.img');
  });

  test("another machine's data disk is refused by the host", async () => {
    await sandbox.define('other', tiny());
    expect((await sandbox.vmkit(['boot', 'other'])).exitCode).toBe(0);
    await off('other');
    const { dataDisk } = sandbox.machine('tiny');
    await moveAway(dataDisk);
    await copyFile(sandbox.machine('other').dataDisk, dataDisk);
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'tiny']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("is not this machine's data disk");
  });

  test('a state that a dead process left, and one whose pid is now somebody else, are cleaned up', async () => {
    await sandbox.json(['boot', 'tiny']);
    const before = await boots('tiny');
    await sandbox.killQemu('tiny');
    const { stateFile } = sandbox.machine('tiny');
    const left: unknown = JSON.parse(await readFile(stateFile, 'utf8'));
    expect(await sandbox.json(['ls'])).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ name: 'tiny', condition: 'crashed' })]),
    );
    await writeFile(stateFile, JSON.stringify({ ...Object(left), pid: process.pid }));
    expect(await sandbox.json(['stop', 'tiny'])).toMatchObject({ wasRunning: false });
    expect(await sandbox.json(['boot', 'tiny'])).toMatchObject({ booted: { wasRunning: false } });
    expect(await boots('tiny')).toBe(before + 1);
  });

  test.each(
    sampled(
      [
        ['Ctrl-C', (vmkit: ChildProcess) => vmkit.kill('SIGINT')],
        [
          'a terminal that is closed, which is said twice,',
          (vmkit: ChildProcess) => [1, 2].map(() => vmkit.kill('SIGHUP')),
        ],
        ['a reader that goes away, as `head` does,', (vmkit: ChildProcess) => vmkit.stderr?.destroy()],
      ],
      1,
    ),
  )('%s during a boot ends QEMU and leaves no secrets behind', async (_how, interrupt) => {
    const { process: vmkit, ended } = sandbox.start(['boot', 'tiny']);
    let said = '';
    await new Promise<void>((resolve) => {
      vmkit.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('network')) resolve();
      });
    });
    const state = await sandbox.state('tiny');
    expect(state !== undefined && isRunning(state)).toBe(true);
    interrupt(vmkit);
    expect((await ended).exitCode).toBe(130);
    expect(state !== undefined && isRunning(state)).toBe(false);
    const files = await readdir(sandbox.machine('tiny').stateDir);
    expect(files).not.toContain('state.json');
    expect(files).not.toContain('secrets.img');
    await sandbox.json(['boot', 'tiny']);
  });

  test('Ctrl-C ends exec, whatever the guest does', async () => {
    await sandbox.json(['boot', 'tiny']);
    const { process: vmkit, ended } = sandbox.start(['exec', 'tiny', '--', 'sh', '-c', 'echo begun; sleep 600']);
    await new Promise<void>((resolve) => void vmkit.stdout?.once('data', () => resolve()));
    vmkit.kill('SIGINT');
    expect((await ended).exitCode).toBe(130);
  });

  test('vmkit itself is killed at moments of a boot; the next boot works, with one QEMU and no secrets left', async () => {
    for (let round = 0; round < (isAll ? 10 : 4); round++) {
      const { process: vmkit, ended } = sandbox.start(['boot', 'tiny']);
      await new Promise((resolve) => void setTimeout(resolve, Math.random() * 3_000));
      vmkit.kill('SIGKILL');
      await ended;
    }
    expect(await sandbox.json(['boot', 'tiny'])).toMatchObject({ booted: { name: 'tiny' } });
    expect(await boots('tiny')).toBeGreaterThan(0);
    const names = await readdir(sandbox.machine('tiny').stateDir);
    expect(names).not.toContain('secrets.img');
    expect(await qemusOf(sandbox.machine('tiny').runDir)).toHaveLength(1);
    await off('tiny');
    expect(await qemusOf(sandbox.machine('tiny').runDir)).toHaveLength(0);
  });

  test('the console of a machine that is off can be read', async () => {
    await sandbox.json(['boot', 'tiny']);
    await off('tiny');
    expect((await sandbox.vmkit(['logs', 'tiny'])).stdout).toContain('reboot: Power down');
    expect((await sandbox.vmkit(['console', 'tiny'])).stderr).toContain('does not run');
  });

  test('without ssh it is stopped by its console, cleanly', async () => {
    await sandbox.json(['boot', 'tiny']);
    await sandbox.vmkit(['exec', 'tiny', '--', 's6-svc', '-d', '/run/service/ssh']);
    expect(await sandbox.json(['stop', 'tiny'])).toMatchObject({ stopped: { askedBy: 'its console', forced: [] } });
  });

  test.skipIf(!isAll)(
    'without ssh and without a shell on its console it is stopped by its power key, cleanly',
    async () => {
      await sandbox.json(['boot', 'tiny']);
      const both = 's6-svc -d /run/service/vmkit-console; s6-svc -d /run/service/ssh';
      await sandbox.vmkit(['exec', 'tiny', '--', 'sh', '-c', both]);
      expect(await sandbox.json(['stop', 'tiny'])).toMatchObject({ stopped: { askedBy: 'its power key', forced: [] } });
    },
  );

  test('a machine that was halted by a signal is told as that, and stops cleanly', async () => {
    await sandbox.json(['boot', 'tiny']);
    const state = await sandbox.state('tiny');
    if (state === undefined) throw new Error('It does not run.');
    process.kill(state.pid, 'SIGSTOP');
    expect(await sandbox.json(['status', 'tiny'])).toMatchObject({ condition: 'paused', held: { state: 'sigstop' } });
    expect((await sandbox.vmkit(['boot', 'tiny'])).stderr).toContain('SIGSTOP');
    expect(await sandbox.json(['stop', 'tiny'])).toMatchObject({ stopped: { askedBy: 'ssh', forced: [] } });
  });

  test('a damaged data disk with a journal to be replayed is refused by the guest, and left byte for byte', async () => {
    const { dataDisk } = sandbox.machine('tiny');
    await moveAway(dataDisk);
    await copyFile(`${dataDisk}.away`, dataDisk);
    const input = 'clri <2>\njo\njw -b 333 /etc/passwd\njc\nssv state 2\n';
    await execa('debugfs', ['-w', '-f', '-', dataDisk], { input });
    const before = await readFile(dataDisk);
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'tiny', '--json']);
    expect(exitCode).toBe(5);
    expect(stderr).toContain('"data-disk-damaged"');
    expect(stderr).toContain('the disk is left as it was');
    expect((await readFile(dataDisk)).equals(before)).toBe(true);
  });
});

/** Renames a file until the test has ended. */
async function moveAway(path: string): Promise<void> {
  await rename(path, `${path}.away`);
  onTestFinished(() => rename(`${path}.away`, path));
}

/** Processes that were started for one machine, by their current folder, which no other has. */
async function qemusOf(runDir: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const of = (pid: string, link: string): Promise<string> => readlink(join('/proc', pid, link)).catch(() => '');
  const processes = await Promise.all(
    pids.map(async (pid) => ({ pid, folder: await of(pid, 'cwd'), program: await of(pid, 'exe') })),
  );
  // Its recorders run there, too.
  return processes
    .filter(({ folder, program }) => folder === runDir && program.includes('/qemu-system-'))
    .map(({ pid }) => pid);
}
