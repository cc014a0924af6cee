import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { sha256 } from '../../../src/core/digest.ts';
import { backupPaths } from '../../../src/core/paths.ts';
import { findProgram, searchPath } from '../../../src/host/local/search-path.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { type Sshd, startSshd } from '../../support/hosts/sshd.ts';
import { useSandbox } from '../../support/machine.ts';
import { dice, SEED } from '../../support/run/dice.ts';
import { isAll } from '../../support/run/sampled.ts';
import { psqlWords } from '../../support/services/psql.ts';

const KILLS = isAll ? 40 : 1;
const isRoot = process.getuid?.() === 0;

const taken = z.object({ id: z.string(), addedBytes: z.number(), checked: z.unknown().optional() });
const listed = z.object({ backups: z.array(z.object({ id: z.string() })) });

describe.sequential('backups of a machine that runs', () => {
  const sandbox = useSandbox();
  const { int } = dice(SEED);
  const repository = (): string => join(sandbox.folder, 'repository');
  const sql = (query: string, options = {}) => sandbox.vmkit(psqlWords('-c', query), options);
  const rows = async (): Promise<readonly number[]> => {
    const { stdout, exitCode, stderr } = await sql('SELECT id FROM kept ORDER BY id');
    expect(exitCode, stderr).toBe(0);
    return stdout.trim().split('\n').map(Number);
  };
  const backups = async (from = repository(), env = {}): Promise<readonly string[]> => {
    const { stdout, stderr } = await sandbox.vmkit(['backups', 'sql', '--from', from, '--json'], { env });
    expect(stderr).not.toContain('error');
    return listed.parse(JSON.parse(stdout)).backups.map(({ id }) => id);
  };
  let port = 0;
  const define = (mib: number): Promise<void> =>
    sandbox.define(
      'sql',
      `memory: 512MiB
data: ${mib}MiB
services:
  - use: postgres
    databases: [{ name: app, owner: app }]
    host: ${port}
`,
    );
  const digest = (): string => sha256(readFileSync(sandbox.machine('sql').dataDisk));
  const passwordFile = (): string => join(backupPaths(sandbox.paths).passwordsDir, sha256(repository()).slice(0, 16));

  beforeAll(async () => {
    console.log(`VMKIT_TEST_SEED=${SEED}`);
    port = await freePort();
    await define(256);
    const booted = await sandbox.vmkit(['boot', 'sql']);
    expect(booted.exitCode, booted.stderr).toBe(0);
    expect((await sql('CREATE TABLE kept (id serial PRIMARY KEY, text text)')).exitCode).toBe(0);
  });

  test('a client that writes all the time has no request fail, and the backup passes its check', async () => {
    const stop = '/run/stop-writing';
    const writer = sandbox.start([
      ...['exec', 'sql', '--', 's6-setuidgid', 'postgres', 'sh', '-c'],
      `while [ ! -e ${stop} ]; do echo "INSERT INTO kept (text) VALUES (repeat(md5(random()::text), 20)) RETURNING id;"; sleep 0.05; done | psql -h /run/postgresql -d app -qAtX -v ON_ERROR_STOP=1`,
    ]);
    const { exitCode, stdout, stderr } = await sandbox.vmkit([
      'backup',
      'sql',
      '--to',
      repository(),
      '--check',
      '--json',
    ]);
    await sandbox.vmkit(['exec', 'sql', '--', 'touch', stop]);
    const written = await writer.ended;
    expect(exitCode, stderr).toBe(0);
    expect(taken.parse(JSON.parse(stdout)).checked).toMatchObject({ verified: ['postgres'], counts: 1 });
    expect(written.exitCode, written.stderr).toBe(0);
    const ids = written.stdout.trim().split('\n').map(Number);
    expect(ids.length).toBeGreaterThan(20);
    expect(await rows()).toEqual(ids);
    // The password is in no output, and nothing is left of the check.
    expect(stderr + stdout).not.toContain(readFileSync(passwordFile(), 'utf8').trim());
    expect(existsSync(join(sandbox.machine('sql').dataDir, 'apart'))).toBe(false);
  });

  test('its disk grows while it runs', async () => {
    await define(320);
    expect(await sandbox.json(['boot', 'sql'])).toMatchObject({ booted: { wasRunning: true, changes: [] } });
    const { stdout } = await sandbox.vmkit(['exec', 'sql', '--', 'df', '-m', '--output=size', '/data']);
    expect(Number(stdout.split('\n')[1])).toBeGreaterThan(280);
  });

  test('a snapshot while it runs', async () => {
    const { id } = z.object({ id: z.string() }).parse(await sandbox.json(['snapshot', 'sql']));
    expect(await sandbox.json(['snapshots', 'sql'])).toMatchObject([{ id, isRunning: true }]);
    expect((await sql('SELECT 1')).stdout).toBe('1\n');
  });

  test('vmkit killed at any moment of a backup: the machine goes on, and there is the last good backup', async () => {
    const before = await backups();
    for (let round = 0; round < KILLS; round++) {
      const backup = sandbox.start(['backup', 'sql']);
      await sleep(int(9_000));
      backup.process.kill('SIGKILL');
      await backup.ended;
      expect((await sql(`INSERT INTO kept (text) VALUES ('round ${round}') RETURNING 'kept'`)).stdout).toBe('kept\n');
      expect(await backups()).toEqual(expect.arrayContaining([...before]));
    }
    // A whole copy, and what was written since: rows of both are looked for when it is restored.
    await sandbox.json(['backup', 'sql']);
    expect((await sql("INSERT INTO kept (text) SELECT 'later' FROM generate_series(1, 5)")).exitCode).toBe(0);
    const last = await sandbox.json(['backup', 'sql', '--keep', '7d']);
    expect(await backups()).toEqual([taken.parse(last).id]);
    // What it goes on from the next time, and nothing of what was killed.
    expect(readdirSync(sandbox.machine('sql').stagingDir).sort()).toEqual(['data.img', 'since']);
  });

  describe.runIf(isRoot)('by sftp', () => {
    let sshd: Sshd | undefined;
    const env = () => ({ PATH: `${sshd?.bin}:${process.env['PATH']}` });
    const to = (folder: string): string => `sftp://vmkit-test@127.0.0.1:${sshd?.port}/${folder}`;
    afterAll(async () => {
      await sshd?.stop();
    });
    /** Where restic sends slowly: a fast one is done before anything can be cut. */
    const slowPath = async (): Promise<string> => {
      const real = findProgram('restic', searchPath(process.env['PATH'] ?? ''));
      const bin = join(sandbox.folder, 'slow');
      await mkdir(bin, { recursive: true });
      await writeFile(join(bin, 'restic'), `#!/bin/sh\nexec ${real} --limit-upload 200 "$@"\n`, { mode: 0o755 });
      return `${bin}:${env().PATH}`;
    };

    test('a lost connection and a full disk leave the last good backup', async () => {
      sshd = await startSshd('coreutils', ['Subsystem sftp internal-sftp']);
      const good = await sandbox.vmkit(['backup', 'sql', '--to', to('backups'), '--json'], { env: env() });
      expect(good.exitCode, good.stderr).toBe(0);
      expect(
        (
          await sql(
            "INSERT INTO kept (text) SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 100000)",
          )
        ).exitCode,
      ).toBe(0);
      const cut = sandbox.start(['backup', 'sql', '--to', to('backups'), '--json'], {
        env: { PATH: await slowPath() },
      });
      cut.process.stderr?.on('data', (said: Buffer) => {
        if (/backup of sql to .* of /.test(said.toString())) sshd?.cutConnections();
      });
      const lost = await cut.ended;
      expect(lost.exitCode).toBe(6);
      expect(lost.stderr).toContain('"backup-target-failed"');
      expect(await backups(to('backups'), env())).toEqual([taken.parse(JSON.parse(good.stdout)).id]);
      const full = await sandbox.vmkit(['backup', 'sql', '--to', to('full/backups'), '--json'], { env: env() });
      expect(full.stderr).toMatch(/"backup-target-(full|failed)"/);
      const again = await sandbox.vmkit(['backup', 'sql', '--to', to('backups'), '--json'], { env: env() });
      expect(again.exitCode, again.stderr).toBe(0);
    });
  });

  test('QEMU killed in the middle of a backup; then the machine is restored, however often that is killed', async () => {
    const [good = ''] = await backups();
    const before = await rows();
    const backup = sandbox.start(['backup', 'sql', '--to', repository()]);
    await sleep(int(5_000));
    await sandbox.killQemu('sql');
    await backup.ended;
    const password = passwordFile();
    const old = digest();
    const restore = ['restore', 'sql', good, '--from', repository(), '--yes'];
    for (let round = 0; round < KILLS; round++) {
      const restoring = sandbox.start(restore);
      await sleep(int(5_000));
      restoring.process.kill('SIGKILL');
      await restoring.ended;
      // Whoever takes the lock next puts in place what was decided.
      await sandbox.vmkit(['stop', 'sql']);
      const disk = digest();
      if (disk !== old) break;
    }
    const restored = await sandbox.vmkit(restore);
    expect(restored.exitCode, restored.stderr).toBe(0);
    expect(digest()).not.toBe(old);

    // Destroyed, and restored by somebody who has nothing but the repository and its password.
    expect((await sandbox.vmkit(['rm', 'sql', '--yes'])).exitCode).toBe(0);
    const other = join(sandbox.folder, 'other');
    await mkdir(other, { mode: 0o700 });
    const env = { XDG_DATA_HOME: other, VMKIT_BACKUP_PASSWORD: `file:${password}` };
    const refused = await sandbox.vmkit(restore.slice(0, -1), { env });
    expect(refused.stderr).toContain('it must never run there again beside this one');
    const again = await sandbox.vmkit(restore, { env });
    expect(again.exitCode, again.stderr).toBe(0);
    const booted = await sandbox.vmkit(['boot', 'sql'], { env });
    expect(booted.exitCode, booted.stderr).toBe(0);
    const { stdout } = await sql('SELECT id FROM kept ORDER BY id', { env });
    const found = stdout.trim().split('\n').map(Number);
    // The backup of `--keep` holds all but what the test of sftp wrote.
    expect(before.filter((id) => !found.includes(id)).length).toBeLessThanOrEqual(1);
    expect((await sandbox.vmkit(['stop', 'sql'], { env })).exitCode).toBe(0);
  });
});
