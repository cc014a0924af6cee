import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { sha256 } from '../../../src/core/digest.ts';
import { machinePaths } from '../../../src/core/paths.ts';
import { hostFrom, type Place } from '../../../src/host/host-from.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { MACHINE_PROGRAMS, type Sshd, startSshd, TEST_UID } from '../../support/hosts/sshd.ts';
import { startSystemd, whyNoSystemd } from '../../support/hosts/systemd.ts';
import { useSandbox } from '../../support/machine.ts';
import { isAll } from '../../support/run/sampled.ts';
import { forgejoClient } from '../../support/services/forgejo-client.ts';
import { buildStandIn } from '../../support/stand-ins/forgejo-stand-in/build.ts';

const executable = process.env['VMKIT_FORGEJO'] ?? (isAll ? await buildStandIn() : undefined);
const reason =
  (isAll ? undefined : 'nine boots and four roots: VMKIT_TEST_ALL=1') ??
  (executable === undefined ? 'neither VMKIT_FORGEJO nor go, which builds the stand-in' : undefined) ??
  whyNoSystemd();

/** What its other computer needs beside what runs machines: docs/hosts/ssh.md, docs/operations.md. */
const YEARS_PROGRAMS = [...MACHINE_PROGRAMS, ...'find grep perl restic tar zstd'.split(' ')];
const REPOSITORIES = ['one', 'two', 'three'];
const DIGEST = "SELECT count(*) || ' ' || md5(string_agg(id || ' ' || text, ',' ORDER BY id)) FROM kept";

const taken = z.object({ id: z.string() });

/** What docs/operations.md tells of, on one machine, in one go: each step goes on where the one before it ended. */
describe.skipIf(reason !== undefined)(`a forge through its years${reason === undefined ? '' : `: ${reason}`}`, () => {
  const sandbox = useSandbox();
  const env = { VMKIT_FORGEJO: executable ?? '' };
  let sshd: Sshd;
  let there: Place;
  let port = 0;
  let password = '';
  let heads: readonly string[] = [];
  let digest = '';

  const succeed = async (...words: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await sandbox.vmkit(words, { env });
    expect(exitCode, `${words.join(' ')}\n${stderr}`).toBe(0);
    return stdout;
  };
  const atOther = (...words: string[]): readonly [string, ...string[]] => [
    words[0] ?? '',
    '--host',
    sshd.url(),
    ...words.slice(1),
  ];
  const succeedThere = (...words: string[]): Promise<string> => succeed(...atOther(...words));
  const define = (suite: 'bookworm' | 'trixie'): Promise<void> =>
    sandbox.define(
      'forge',
      `memory: 1GiB
data: 1GiB
suite: ${suite}
services:
  - use: postgres
    databases: [{ name: app, owner: app }]
  - use: forgejo
    port: ${port}
`,
    );
  const { api, git, repository } = forgejoClient(
    () => port,
    () => ({ name: 'owner', password }),
  );
  const headsNow = (): Promise<readonly string[]> =>
    Promise.all(REPOSITORIES.map((name) => git(['ls-remote', repository(name)], sandbox.folder)));
  const sql = (host: readonly string[], query: string): Promise<string> =>
    succeed(
      'exec',
      ...host,
      'forge',
      '--',
      ...'s6-setuidgid postgres psql -h /run/postgresql -d app -AtXqc'.split(' '),
      query,
    );
  /** All of it is there, on PostgreSQL of this version. */
  const expectWhole = async (host: readonly string[], version: number): Promise<void> => {
    expect(await headsNow()).toEqual(heads);
    expect((await api('/user')).status).toBe(200);
    expect((await sql(host, DIGEST)).trim()).toBe(digest);
    expect(Number(await sql(host, 'SHOW server_version_num'))).toBeGreaterThanOrEqual(version * 10_000);
    expect(Number(await sql(host, 'SHOW server_version_num'))).toBeLessThan((version + 1) * 10_000);
  };
  const onOther = (): readonly string[] => ['--host', sshd.url()];

  beforeAll(async () => {
    sshd = await startSshd('coreutils', ['Subsystem sftp internal-sftp'], YEARS_PROGRAMS);
    process.env['PATH'] = `${sshd.bin}:${process.env['PATH']}`;
    const host = hostFrom(sshd.url());
    there = { host, paths: (await host.place()).paths };
    port = await freePort();
    await define('bookworm');
  });
  afterAll(async () => {
    await sandbox.vmkit([...atOther('stop', 'forge')]);
    await sshd.stop();
  });

  test('is filled', async () => {
    await succeed('boot', 'forge');
    password = (await readFile(join(sandbox.machine('forge').secretsDir, 'forgejo', 'admin-password'), 'utf8')).trim();
    for (const name of REPOSITORIES) {
      expect((await api('/user/repos', { method: 'POST', body: { name } })).status).toBe(201);
      const work = join(sandbox.folder, name);
      await git(['init', '-q', '-b', 'main', work], sandbox.folder);
      for (const commit of ['first', 'second']) {
        await execa('sh', ['-c', 'head -c 300000 /dev/urandom >"$0"', join(work, commit)]);
        await git(['add', commit], work);
        await git(['commit', '-qm', commit], work);
      }
      await git(['push', '-q', repository(name), 'main'], work);
    }
    heads = await headsNow();
    expect(heads.join('\n')).toMatch(/refs\/heads\/main/);
    await sql([], 'CREATE TABLE kept AS SELECT id, md5(random()::text) AS text FROM generate_series(1, 20000) AS id');
    digest = (await sql([], DIGEST)).trim();
    await expectWhole([], 15);
  });

  let id = '';
  let key = '';
  test('is backed up to a folder and by sftp, and destroyed', async () => {
    await succeed('backup', 'forge', '--to', join(sandbox.folder, 'repository'), '--check');
    const target = `sftp://vmkit-test@127.0.0.1:${sshd.port}/backups`;
    id = taken.parse(JSON.parse(await succeed('backup', 'forge', '--to', target, '--json'))).id;
    key = join(sandbox.paths.data, 'backups', 'passwords', sha256(target).slice(0, 16));
    await succeed('stop', 'forge');
    await succeed('rm', 'forge', '--yes');
  });

  test('is restored as another user, from what the sftp server has', async () => {
    const withPassword = { ...env, VMKIT_BACKUP_PASSWORD: `file:${key}` };
    const words = atOther('restore', 'forge', id, '--from', join(sshd.home, 'backups'), '--yes');
    const restored = await sandbox.vmkit(words, { env: withPassword });
    expect(restored.exitCode, restored.stderr).toBe(0);
    const { dataDisk } = machinePaths(there.paths, 'forge');
    const { stdout } = await there.host.exec(['stat', '-c', '%u', dataDisk]);
    expect(stdout.trim()).toBe(String(TEST_UID));
    await succeedThere('boot', 'forge');
    await expectWhole(onOther(), 15);
    await succeedThere('stop', 'forge');
  });

  test('is upgraded from PostgreSQL 15 to 17', async () => {
    await define('trixie');
    await succeedThere('upgrade', 'forge');
    await succeedThere('boot', 'forge');
    await expectWhole(onOther(), 17);
    await succeedThere('stop', 'forge');
  });

  test('is rolled back', async () => {
    await succeedThere('rollback', 'forge');
    await define('bookworm');
    await succeedThere('boot', 'forge');
    await expectWhole(onOther(), 15);
  });

  test('moves over ssh to here', async () => {
    await succeedThere('move', 'forge', '--to', 'here');
    await expectWhole([], 15);
    expect(await there.host.stat(machinePaths(there.paths, 'forge').dataDisk)).toBeUndefined();
    await succeed('stop', 'forge');
  });

  test('is started by systemd', async () => {
    const systemd = await startSystemd({ shared: sandbox.folder });
    const places = { HOME: '/root', XDG_DATA_HOME: '/srv/shared/d', XDG_STATE_HOME: '/srv/shared/s' };
    const run = async (...argv: string[]): Promise<void> => {
      const { exitCode, stdout, stderr } = await systemd.run(argv, places);
      const journal =
        exitCode === 0 ? '' : (await systemd.run(['journalctl', '-u', 'vmkit-forge', '--no-pager'])).stdout;
      expect(exitCode, `${argv.join(' ')}\n${stdout}${stderr}${journal}`).toBe(0);
    };
    try {
      await run(
        process.execPath,
        sandbox.program,
        'autostart',
        '/srv/shared/vm/forge',
        'on',
        '--component',
        `forgejo=${executable}`,
      );
      await run('systemctl', 'start', 'vmkit-forge');
      expect(await headsNow()).toEqual(heads);
      expect((await api('/user')).status).toBe(200);
      await run('systemctl', 'stop', 'vmkit-forge');
      await expect(api('/user')).rejects.toThrow();
    } finally {
      await systemd.stop();
    }
  });
});
