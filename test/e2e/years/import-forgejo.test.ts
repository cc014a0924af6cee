import { mkdtempSync, rmSync } from 'node:fs';
import { appendFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { archOf } from '../../../src/core/arch.ts';
import { resolvePaths } from '../../../src/core/paths.ts';
import { quoteWord } from '../../../src/core/text/shell-quote.ts';
import { rootArtifact } from '../../../src/image/root.ts';
import { generateSecret, renderSecrets } from '../../../src/spec/secrets.ts';
import { forgejo } from '../../../src/spec/services/forgejo/forgejo.ts';
import {
  COUNT_IMPORTED,
  emptyForgejo,
  LOAD_DATABASE,
  lookAtForgejo,
  placeForgejo,
  TAKE_FOLDERS,
} from '../../../src/spec/services/forgejo/forgejo-import.ts';
import { postgres } from '../../../src/spec/services/postgres/postgres.ts';
import { initdb } from '../../../src/spec/services/postgres/postgres-cluster.ts';
import { ensureArtifact } from '../../../src/store/store.ts';
import { compareRows, readLook } from '../../../src/verbs/import/compare.ts';
import { fileOfDump, treeOfDump } from '../../../src/verbs/import/dump-archive.ts';
import { type Dump, readDump } from '../../../src/verbs/import/read-dump.ts';
import { contextIn } from '../../support/context.ts';
import { COMMENT, makeDump, OLD_SECRET_KEY } from '../../support/services/forgejo-dump.ts';
import { specWith } from '../../support/spec.ts';
import { buildStandIn } from '../../support/stand-ins/forgejo-stand-in/build.ts';

const isRoot = process.getuid?.() === 0;
const VMKIT_FORGEJO = process.env['VMKIT_FORGEJO'];
// Its dump would have to be Forgejo's own: forgejo.test.ts has it.
const executable = VMKIT_FORGEJO === undefined ? await buildStandIn() : undefined;

/** The scripts that a guest runs, in the root that it runs in, with its PostgreSQL and git, by this computer's own processor; forgejo.test.ts does all of it with guests. */
describe.runIf(isRoot && executable !== undefined).sequential('the scripts that import a dump of Forgejo', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vmkit-import-'));
  const root = join(folder, 'root');
  const signal = new AbortController().signal;
  let dump: Dump;
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const inRoot = (script: string, input?: AsyncIterable<Uint8Array>) =>
    execa(
      'unshare',
      [
        ...['--mount', '--pid', '--fork', '--kill-child', 'sh', '-euc'],
        'mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; exec chroot "$1" sh -euc "$2"',
        ...['sh', root, script],
      ],
      { reject: false, timeout: 600_000, env: { LC_ALL: 'C' }, ...(input === undefined ? {} : { stdin: input }) },
    );
  const pgCtl = 's6-setuidgid postgres pg_ctl -D /data/postgres/17 -w -s -l /tmp/log';
  /** With PostgreSQL, which is stopped whatever happens. */
  const run = (script: string, input?: AsyncIterable<Uint8Array>) =>
    inRoot(
      `cd /; ${pgCtl} -o '-k /run/postgresql -c listen_addresses=' start </dev/null; rc=0; sh -euc ${quoteWord(script)} || rc=$?; ${pgCtl} -m fast stop </dev/null; exit $rc`,
      input,
    );
  const succeed = async (script: string, input?: AsyncIterable<Uint8Array>): Promise<string> => {
    const { stdout, stderr, exitCode } = await run(script, input);
    expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
    return stdout;
  };
  const ask = (sql: string): Promise<string> =>
    succeed(`s6-setuidgid git psql -XAtq -h /run/postgresql -d forgejo <<'SQL'\n${sql}\nSQL`);

  beforeAll(async () => {
    const base = contextIn(folder);
    const context = { ...base, paths: { ...base.paths, cache: resolvePaths().cache } };
    const arch = archOf((await context.host.facts()).machine) ?? 'x86_64';
    const service = forgejo.create({});
    const { directory } = await ensureArtifact(
      rootArtifact({ ...specWith('forge', [postgres.create({}), service]), arch }),
      context,
    );
    await execa('unsquashfs', ['-q', '-n', '-d', root, join(directory, 'root.img')]);
    await appendFile(
      join(root, 'etc', 'passwd'),
      'postgres:x:999:999::/data/postgres:/bin/sh\ngit:x:998:998::/data/forgejo:/bin/sh\n',
    );
    await appendFile(join(root, 'etc', 'group'), 'postgres:x:999:\ngit:x:998:\n');
    for (const path of ['data/forgejo', 'run/secrets/forgejo', 'opt/vmkit/bin']) {
      await mkdir(join(root, path), { recursive: true });
    }
    await cp(executable ?? '', join(root, 'opt/vmkit/bin/forgejo'));
    const secretOf = (name: string): string => {
      const kind = service.secrets.find((secret) => secret.name === name)?.kind;
      if (name === 'secret-key') return OLD_SECRET_KEY;
      return kind === undefined || kind === 'made' ? '' : generateSecret(kind, 0);
    };
    const ini = renderSecrets(service.files[0]?.content ?? '', secretOf);
    await writeFile(join(root, 'run/secrets/forgejo/app.ini'), ini, { mode: 0o600 });
    const { exitCode, stderr } = await inRoot(`chmod 1777 /tmp; chmod 755 /opt/vmkit/bin/forgejo
install -d -o postgres -g postgres -m 0700 /data/postgres; install -d -o postgres -g postgres -m 0755 /run/postgresql
chown git:git /data/forgejo /run/secrets/forgejo/app.ini
${initdb(17, '/data/postgres/17')} >/dev/null`);
    expect(exitCode, stderr).toBe(0);
    // What a machine has that was ready once.
    await succeed(`s6-setuidgid postgres psql -XAtq -h /run/postgresql -d postgres -c 'CREATE ROLE git LOGIN' -c 'CREATE DATABASE forgejo OWNER git'
install -d -o git -g git /data/forgejo/data/ssh /data/forgejo/repositories/owner/gone.git
echo own >/data/forgejo/data/ssh/host.rsa; chown git:git /data/forgejo/data/ssh/host.rsa; echo '0.0.0 print' >/data/forgejo/version; echo 'done owner' >/data/forgejo/administrator
export HOME=/data/forgejo USER=git PATH=/opt/vmkit/bin:$PATH
s6-setuidgid git forgejo migrate --config /run/secrets/forgejo/app.ini`);
    await ask("UPDATE forgejo_version SET version = 44; INSERT INTO forgejo_migration VALUES ('v14b_second', 2)");
    dump = await readDump(makeDump(folder), contextIn(folder));
  });

  test('a disk that is too small is told before anything of the dump is taken', async () => {
    const { exitCode, stderr } = await run(
      `cp -a /data/forgejo /data/kept\n${emptyForgejo(true, 2 ** 52)
        .replaceAll('DROP DATABASE IF EXISTS forgejo WITH (FORCE)', 'SELECT 1')
        .replaceAll('CREATE DATABASE forgejo OWNER git', 'SELECT 1')}`,
    );
    expect(exitCode).toBe(28);
    expect(stderr).toMatch(/^room \d+$/m);
    await succeed('rm -rf /data/forgejo; mv /data/kept /data/forgejo');
  });

  test('accounts, repositories and files of the dump take the place of what was there, and all is as it was dumped', async () => {
    await succeed(emptyForgejo(true, 1));
    await succeed(LOAD_DATABASE.replace('exec ', ''), fileOfDump(dump.file, dump.sqlName, signal));
    compareRows(dump.database.rows, await succeed(COUNT_IMPORTED));
    await succeed(TAKE_FOLDERS.replace('exec ', ''), treeOfDump(dump.file, signal));
    await succeed(placeForgejo(true));
    expect(readLook(await succeed(lookAtForgejo()), dump.database.rows)).toEqual({
      users: 2,
      repositories: 2,
      administrators: ['Anna'],
      looked: 2,
      left: 0,
      damaged: [],
    });
    const files = await succeed(
      'cd /data/forgejo; find . -type f ! -path "./repositories/*" ! -name calls | LC_ALL=C sort; find . ! -user git',
    );
    expect(files.split('\n')).toEqual([
      './administrator',
      './custom/public/robots.txt',
      './custom/templates/home.tmpl',
      './data/attachments/1/2/uuid',
      './data/avatars/ä',
      './data/jwt/private.pem',
      './data/lfs/ab/cd/ef',
      './data/ssh/host.rsa',
      './version',
      './version',
    ]);
    expect(
      await succeed(
        'cat /data/forgejo/administrator; ls /data/forgejo/repositories; cat /data/forgejo/repositories/anna/work.git/hooks/post-receive; s6-setuidgid git git -C /data/forgejo/repositories/anna/work.git log --format=%s',
      ),
    ).toBe('done imported\nanna\nbert\n#!/bin/sh\nexit 0\nold');
    // What was done to the data, which no dump says; a text that looks like statements; ids that go on.
    expect(
      await ask(`SELECT version FROM forgejo_version; SELECT count(*) FROM forgejo_migration; SELECT length(content), encode(data, 'hex') FROM comment;
SELECT nextval('user_id_seq')`),
    ).toBe(`44\n2\n${COMMENT.length}|cafe\n8`);
    expect((await inRoot('ls /tmp/pwned')).exitCode).not.toBe(0);
  });

  test('a repository of the database without a folder is named, and one that is damaged', async () => {
    await succeed(
      'cd /data/forgejo/repositories; mv bert/notes.git /tmp/; find anna/work.git/objects -type f | head -n 1 | while read -r f; do chmod u+w "$f"; echo x >"$f"; done',
    );
    const printed = await succeed(lookAtForgejo());
    expect(printed).toContain('missing bert/notes.git\n');
    expect(printed).toContain('damaged anna/work.git\n');
    expect(() => readLook(printed, dump.database.rows)).toThrow('bert/notes.git');
  });
});
