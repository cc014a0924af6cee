import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../../src/net/tcp.ts';
import { otherComputer } from '../../support/hosts/other-computer.ts';
import { stallingProxy } from '../../support/hosts/stalling-proxy.ts';
import { useSandbox } from '../../support/machine.ts';
import { isAll } from '../../support/run/sampled.ts';
import { psqlWords } from '../../support/services/psql.ts';
import { startRegistry } from '../../support/stand-ins/registry.ts';

const KILLS = isAll ? 10 : 1;

describe.sequential('sql', () => {
  const sandbox = useSandbox();
  /** Numbers of rows that PostgreSQL has said to be committed. */
  const committed: number[] = [];

  beforeAll(async () => {
    const hostPort = await freePort();
    await sandbox.define(
      'sql',
      `memory: 512MiB
data: 1GiB
services:
  - use: postgres
    databases: [{ name: app, owner: app }]
    host: ${hostPort}
`,
    );
    const booted = await sandbox.vmkit(['boot', 'sql']);
    expect(booted.stderr).not.toContain('error:');
    const made = await sandbox.vmkit(psqlWords('-c', 'CREATE TABLE kept (id int PRIMARY KEY, text text)'));
    expect(made).toMatchObject({ exitCode: 0 });
  });

  /** Writes rows one transaction after another, and kills QEMU once some more were committed. */
  async function writeAndKill(round: number): Promise<void> {
    const first = round * 1_000_000;
    const rows = `SELECT format('INSERT INTO kept VALUES (%s, repeat(md5(random()::text), 20)) RETURNING id;', i) FROM generate_series(${first}, ${first + 900_000}) i`;
    const writer = sandbox.start([
      ...['exec', 'sql', '--', 's6-setuidgid', 'postgres', 'sh', '-c'],
      `psql -h /run/postgresql -d app -qAtX --variable=FETCH_COUNT=100 -c "$1" | psql -h /run/postgresql -d app -qAtX`,
      'sh',
      rows,
    ]);
    const before = committed.length;
    const wanted = 20 + Math.floor(Math.random() * 200);
    let rest = '';
    await new Promise<void>((resolve, reject) => {
      writer.process.stdout?.on('data', (chunk: Buffer) => {
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        committed.push(...lines.map(Number));
        if (committed.length - before >= wanted) resolve();
      });
      writer.process.once('close', () => reject(new Error('The writer ended before QEMU was killed.')));
    });
    await sandbox.killQemu('sql');
    await writer.ended;
  }

  test.each(Array.from({ length: KILLS }, (_, round) => round + 1))(
    'kill %i: every committed row is there',
    async (round) => {
      await writeAndKill(round);
      const booted = await sandbox.vmkit(['boot', 'sql']);
      expect(booted.stderr).not.toContain('error:');
      expect(booted.exitCode).toBe(0);
      const { stdout } = await sandbox.vmkit(psqlWords('-c', 'SELECT id FROM kept ORDER BY id'));
      const found = new Set(stdout.trim().split('\n').map(Number));
      expect(committed.filter((id) => !found.has(id))).toEqual([]);
      expect(committed.length).toBeGreaterThanOrEqual(round * 20);
    },
  );

  test('roles that are as they were left are not set again, and those that somebody changed are', async () => {
    const password = await readFile(
      join(sandbox.paths.data, 'machines', 'sql', 'secrets', 'postgres', 'app-password'),
      'utf8',
    );
    const script = `set -eu
ready() { HOME=/data/postgres s6-setuidgid postgres /run/vmkit/services/postgres/ready; }
psql() { s6-setuidgid postgres /usr/bin/psql -h /run/postgresql -d postgres -qAtX "$@"; }
verifier() { psql -c "SELECT md5(rolpassword) FROM pg_authid WHERE rolname = 'app'"; }
before=$(verifier); ready; [ "$(verifier)" = "$before" ]; echo kept
psql -c "ALTER ROLE app PASSWORD 'other'"; ready; set_again=$(verifier); [ "$set_again" != "$before" ]; echo set
echo nonsense >/data/postgres/roles-known; ready; [ "$(verifier)" != "$set_again" ]; echo doubted
psql -c 'ALTER DATABASE app RENAME TO app2'; ready
psql -c "SELECT 'made ' || datname FROM pg_database WHERE datname = 'app'"
psql -c 'DROP DATABASE app' -c 'ALTER DATABASE app2 RENAME TO app'; ready
[ "$(stat -c %a /data/postgres/roles-known)" = 600 ]; cat /data/postgres/roles-known`;
    const { stdout, stderr } = await sandbox.vmkit(['exec', 'sql', '--', 'sh', '-c', script]);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^kept\nset\ndoubted\nmade app\n[0-9a-f]{64}/);
    expect(stdout).not.toContain(password.trim());
  });

  test('the data is whole: checksums are on and every index agrees with its table', async () => {
    expect((await sandbox.vmkit(psqlWords('-c', 'SHOW data_checksums'))).stdout.trim()).toBe('on');
    const count = await sandbox.vmkit(psqlWords('-c', 'SET enable_indexscan=off', '-c', 'SELECT count(*) FROM kept'));
    expect(Number(count.stdout.trim())).toBeGreaterThanOrEqual(committed.length);
  });

  test('a changed definition is told while it runs, and that of another clone is refused', async () => {
    const file = join(sandbox.folder, 'vm', 'sql', 'vm.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('512MiB', '640MiB'));
    const { exitCode, stdout } = await sandbox.vmkit(['boot', 'sql']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('  memory: 640MiB; it runs with 512MiB\nIt runs on as it was.');
    await writeFile(file, text);
    expect(await sandbox.json(['boot', 'sql'])).toMatchObject({ booted: { isOutdated: false, changes: [] } });
    const clone = join(sandbox.folder, 'clone', 'sql');
    await mkdir(clone, { recursive: true });
    await writeFile(join(clone, 'vm.yaml'), text);
    const other = await sandbox.vmkit(['boot', clone]);
    expect(other.exitCode).toBe(2);
    expect(other.stderr).toContain(`belongs to the definition in ${join(sandbox.folder, 'vm', 'sql')}`);
  });

  test('data of another version is refused at once, and there is no other cluster beside it', async () => {
    const root = (script: string): ReturnType<typeof sandbox.vmkit> =>
      sandbox.vmkit(['exec', 'sql', '--', 'sh', '-ec', `cd /data/postgres; ${script}`]);
    await root('s6-svc -wD -T 60000 -d /run/service/postgres; mv 17 15; echo 15 >15/PG_VERSION');
    expect(await sandbox.json(['stop', 'sql'])).toMatchObject({ stopped: { forced: [] } });
    const refused = await sandbox.vmkit(['boot', 'sql']);
    expect(refused.exitCode).toBe(5);
    expect(refused.stderr).toContain('is of PostgreSQL 15, and this is PostgreSQL 17');
    // It is told before ssh is up.
    await expect.poll(async () => (await root('ls -d */')).stdout, { timeout: 60_000 }).toBe('15/\n');
    expect(await sandbox.json(['status', 'sql'])).toMatchObject({ condition: 'failed' });
    // Put right while it runs, it goes on.
    await root('echo 17 >15/PG_VERSION; mv 15 17; s6-svc -wU -T 120000 -u /run/service/postgres');
    const mended = await sandbox.vmkit(['boot', 'sql']);
    expect(mended.exitCode, mended.stderr).toBe(0);
    expect(await sandbox.json(['stop', 'sql'])).toMatchObject({ stopped: { forced: [] } });
  });

  describe('through a registry', () => {
    let registry: Awaited<ReturnType<typeof startRegistry>>;
    let there: Record<string, string> = {};
    const images = (host: string): string => `oci://${host}/team/sql`;
    beforeAll(async () => {
      registry = await startRegistry(join(sandbox.folder, 'registry'));
      there = await otherComputer(join(sandbox.folder, 'other'));
    });
    afterAll(() => registry.end());

    /** kill -9 of a call in the middle of what it sends or gets. */
    async function killedInTheMiddle(verb: 'push' | 'pull', env: Readonly<Record<string, string>>): Promise<void> {
      const { host, stalled } = await stallingProxy(registry.host, 40_000_000);
      const words = { push: ['push', 'sql', images(host)], pull: ['pull', images(host), '-o', 'second'] };
      const call = sandbox.start(words[verb], { env });
      const ended = call.ended.then(({ stderr }) =>
        Promise.reject(new Error(`It ended before it was killed: ${stderr}`)),
      );
      await Promise.race([stalled, ended]);
      call.process.kill('SIGKILL');
      await ended.catch(() => undefined);
    }

    test('a push that is killed leaves no tag, and the next one is whole', async () => {
      await killedInTheMiddle('push', {});
      const tags = await fetch(`http://${registry.host}/v2/team/sql/manifests/latest`);
      expect(tags.status).toBe(404);
      expect(await sandbox.json(['push', 'sql', images(registry.host)])).toMatchObject({ isSigned: false });
    });

    test('a pull that is killed leaves no artifact that is not whole, and the next one removes what it left', async () => {
      await killedInTheMiddle('pull', there);
      const store = join(there['XDG_CACHE_HOME'] ?? '', 'vmkit', 'store');
      expect((await readdir(store)).filter((name) => name.startsWith('.building-'))).not.toEqual([]);
      expect(await sandbox.vmkit(['pull', images(registry.host), '-o', 'second'], { env: there })).toMatchObject({
        exitCode: 0,
      });
      expect((await readdir(store)).filter((name) => name.startsWith('.building-'))).toEqual([]);
    });

    test('a second computer boots it without a compiler, to SELECT 1', async () => {
      const booted = await sandbox.vmkit(['boot', 'second/sql/vm.yaml'], { env: there });
      expect(booted.stderr).not.toContain('error:');
      expect(booted.stdout).toContain('pulled: ');
      const { stdout } = await sandbox.vmkit(psqlWords('-c', 'SELECT 1'), { env: there });
      expect(stdout).toBe('1\n');
      expect(await sandbox.vmkit(['stop', 'sql'], { env: there })).toMatchObject({ exitCode: 0 });
    });
  });
});
