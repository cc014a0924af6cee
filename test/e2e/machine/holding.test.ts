import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, describe, expect, test } from 'vitest';
import { isRunning } from '../../../src/host/local/process/background.ts';
import { type Ended, useSandbox } from '../../support/machine.ts';
import { sampled } from '../../support/run/sampled.ts';

/** A machine that keeps a row, and has a secret. */
const keeper = (data: string): string => `memory: 256MiB
data: ${data}
services:
  - name: keeper
    secrets: [{ name: token, kind: password }]
    run: exec sleep infinity
    ready: { check: "true", within: 60s }
`;

const isRoot = process.getuid?.() === 0;

describe.sequential('who holds a machine', () => {
  const sandbox = useSandbox();
  const elsewhere = (args: readonly string[]): Promise<Ended> =>
    sandbox.vmkit([...args, '--json'], { env: { XDG_STATE_HOME: join(sandbox.folder, 'other-state') } });
  const codeOf = ({ stderr }: Ended): string => JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error.code;

  async function boot(data = '64MiB'): Promise<void> {
    await sandbox.define('keeper', keeper(data));
    expect(await sandbox.json(['boot', 'keeper'])).toMatchObject({ booted: { name: 'keeper' } });
  }

  async function writeRow(row: string): Promise<void> {
    const script = `echo ${row} >>/data/keeper/rows; sync /data/keeper/rows`;
    expect((await sandbox.vmkit(['exec', 'keeper', '--', 'sh', '-c', script])).exitCode).toBe(0);
  }

  const rows = async (): Promise<string> =>
    (await sandbox.vmkit(['exec', 'keeper', '--', 'cat', '/data/keeper/rows'])).stdout;

  afterEach(async () => {
    await sandbox.vmkit(['stop', 'keeper', '--within', '30']);
    await sandbox.vmkit(['rm', 'keeper', '--yes']);
  });

  test('another XDG_STATE_HOME finds the machine held: nothing boots, grows or deletes it, and what was committed is there', async () => {
    await boot();
    await writeRow('one');
    await sandbox.define('keeper', keeper('128MiB'));
    for (const args of [
      ['boot', 'keeper'],
      ['rm', 'keeper', '--yes'],
      ['stop', 'keeper'],
    ]) {
      const refused = await elsewhere(args);
      expect(refused.exitCode).toBe(3);
      expect(codeOf(refused)).toBe('machine-elsewhere');
      expect(refused.stderr).toContain(sandbox.machine('keeper').stateDir);
    }
    expect(JSON.parse((await elsewhere(['ls'])).stdout)).toMatchObject([{ name: 'keeper', condition: 'running' }]);
    expect(await rows()).toBe('one\n');
    expect(await sandbox.json(['stop', 'keeper'])).toMatchObject({ stopped: { forced: [] } });
    // Off, it belongs to whoever boots it.
    expect((await elsewhere(['boot', 'keeper'])).exitCode).toBe(0);
    expect((await elsewhere(['stop', 'keeper'])).exitCode).toBe(0);
  });

  test.each(
    sampled(
      [
        ['damaged', async (file: string) => writeFile(file, '{"version":1,"na')],
        ['missing', async (file: string) => rm(file)],
        [
          "another machine's",
          async (file: string) => writeFile(file, (await readFile(file, 'utf8')).replaceAll('keeper', 'other')),
        ],
      ],
      1,
    ),
  )('one of the two files that say what runs is %s: the other one is enough', async (_what, damage) => {
    for (const file of ['stateFile', 'powerLock'] as const) {
      await boot();
      await writeRow(file);
      await damage(sandbox.machine('keeper')[file]);
      expect(codeOf(await sandbox.vmkit(['rm', 'keeper', '--yes', '--json']))).toBe('machine-running');
      expect(await sandbox.json(['boot', 'keeper'])).toMatchObject({ booted: { wasRunning: true } });
      expect(await rows()).toContain(file);
      expect(await sandbox.json(['stop', 'keeper'])).toMatchObject({ wasRunning: true, stopped: { forced: [] } });
    }
  });

  test.each(
    sampled(
      [
        ['damaged', (file: string) => writeFile(file, 'torn')],
        ['deleted', (file: string) => rm(file)],
      ],
      1,
    ),
  )(
    'both are %s: nothing is done to the machine, and the one that is put back is enough to stop it',
    async (_what, damage) => {
      await boot();
      const { stateFile, powerLock } = sandbox.machine('keeper');
      const whole = await readFile(stateFile, 'utf8');
      const state = await sandbox.state('keeper');
      for (const file of [stateFile, powerLock]) await damage(file);
      for (const args of [
        ['boot', 'keeper'],
        ['rm', 'keeper', '--yes'],
        ['stop', 'keeper'],
      ]) {
        const refused = await sandbox.vmkit([...args, '--json']);
        expect(refused.exitCode).toBe(3);
        expect(codeOf(refused)).toBe('machine-held');
      }
      expect(state !== undefined && isRunning(state)).toBe(true);
      await writeFile(stateFile, whole);
      expect(await sandbox.json(['stop', 'keeper'])).toMatchObject({ stopped: { forced: [] } });
    },
  );

  test('vmkit is killed at moments of a boot: no secret is in a file, and the next boot goes on', async () => {
    await boot();
    const token = (await readFile(join(sandbox.machine('keeper').secretsDir, 'keeper', 'token'), 'utf8')).trim();
    expect(token.length).toBeGreaterThan(10);
    expect((await sandbox.vmkit(['exec', 'keeper', '--', 'cat', '/run/secrets/keeper/token'])).stdout.trim()).toBe(
      token,
    );
    await sandbox.json(['stop', 'keeper']);
    for (const afterMs of sampled([300, 500, 700, 900, 1_200, 2_000], 2)) {
      const { process: vmkit, ended } = sandbox.start(['boot', 'keeper']);
      await new Promise((resolve) => void setTimeout(resolve, afterMs));
      vmkit.kill('SIGKILL');
      await ended;
      expect(await filesWith(token, [sandbox.machine('keeper').stateDir, '/dev/shm'])).toEqual([]);
    }
    await boot();
    expect(await memoryWith(token, (await sandbox.state('keeper'))?.pid ?? 0)).toEqual([]);
  });

  test('half-written files beside secrets are gone with the next verb, and the folders are private whatever the umask', async () => {
    const { secretsDir, dataDir } = sandbox.machine('keeper');
    await mkdir(join(secretsDir, 'keeper'), { recursive: true, mode: 0o777 });
    await writeFile(join(secretsDir, 'keeper', 'token.0123456789ab.tmp'), 'half');
    await writeFile(join(dataDir, 'identity.json.0123456789ab.tmp'), 'half');
    await writeFile(join(secretsDir, 'keeper', 'mine.tmp'), 'not ours');
    await boot();
    expect((await readdir(join(secretsDir, 'keeper'))).sort()).toEqual(['mine.tmp', 'token']);
    expect((await readdir(dataDir)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect((await execa('stat', ['-c', '%a', dataDir, secretsDir, join(secretsDir, 'ssh')])).stdout).toBe(
      '700\n700\n700',
    );
  });

  test('QEMU has the least of an environment, and as root a user of its own without any right', async () => {
    await sandbox.define('keeper', keeper('64MiB'));
    expect((await sandbox.vmkit(['boot', 'keeper'], { env: { TS_AUTHKEY: 'tskey-none' } })).exitCode).toBe(0);
    const folder = `/proc/${(await sandbox.state('keeper'))?.pid}`;
    const environment = (await readFile(join(folder, 'environ'), 'utf8')).split('\0').filter(Boolean);
    expect(environment.map((line) => line.replace(/=.*/s, ''))).toEqual(['PATH']);
    if (!isRoot) return;
    const status = await readFile(join(folder, 'status'), 'utf8');
    const { uid } = JSON.parse(await readFile(sandbox.machine('keeper').identityFile, 'utf8'));
    expect(uid).toBeGreaterThan(60_000);
    expect(status).toMatch(new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, 'm'));
    expect(status).toMatch(/^Groups:\s*$/m);
    for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb']) expect(status).toMatch(new RegExp(`^Cap${set}:\\t0+$`, 'm'));
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    const { stdout } = await execa('find', [
      sandbox.machine('keeper').stateDir,
      sandbox.machine('keeper').dataDir,
      '-user',
      String(uid),
      '-not',
      '-type',
      's',
    ]);
    expect(stdout).toBe(sandbox.machine('keeper').runDir);
  });

  test.each([[''], ['.'], ['..'], ['../machines/keeper']])('rm %j deletes nothing', async (name) => {
    const { dataDir } = sandbox.machine('keeper');
    await mkdir(dataDir, { recursive: true });
    expect((await sandbox.vmkit(['rm', name, '--yes'])).exitCode).toBe(2);
    expect(await readdir(join(dataDir, '..'))).toContain('keeper');
    await rm(dataDir, { recursive: true });
  });

  test('rm leaves a folder that is no machine, and a link', async () => {
    const { dataDir } = sandbox.machine('keeper');
    const precious = join(sandbox.folder, 'precious');
    await mkdir(precious);
    await writeFile(join(precious, 'data.img'), 'mine');
    await execa('ln', ['-s', precious, dataDir]);
    expect(codeOf(await sandbox.vmkit(['rm', 'keeper', '--yes', '--json']))).toBe('not-a-machine');
    await rm(dataDir);
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'thesis'), 'mine');
    expect(codeOf(await sandbox.vmkit(['rm', 'keeper', '--yes', '--json']))).toBe('not-a-machine');
    expect(await readdir(precious)).toEqual(['data.img']);
    expect(await readdir(dataDir)).toEqual(['thesis']);
    await rm(dataDir, { recursive: true });
  });
});

/** The files below these folders that hold a text. */
async function filesWith(text: string, folders: readonly string[]): Promise<string[]> {
  const { stdout } = await execa('grep', ['-rlF', '-D', 'skip', text, ...folders], { reject: false });
  return stdout.split('\n').filter(Boolean);
}

/** The files that a process has open in memory, and that hold a text. */
async function memoryWith(text: string, pid: number): Promise<string[]> {
  const { stdout } = await execa('sh', ['-c', `find /proc/${pid}/fd -lname '/dev/shm/*'`]);
  const found = stdout.split('\n').filter(Boolean);
  expect(found).not.toEqual([]);
  const contents = await Promise.all(found.map((path) => readFile(path, 'latin1')));
  return contents.filter((content) => content.includes(text));
}
