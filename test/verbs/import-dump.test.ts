import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compareRows, readLook } from '../../src/verbs/import/compare.ts';
import { isTaken } from '../../src/verbs/import/dump-archive.ts';
import { otherSettings, parseIni, secretKeyOf } from '../../src/verbs/import/dump-ini.ts';
import { readDumpedDatabase } from '../../src/verbs/import/dump-sql.ts';
import { requireSize } from '../../src/verbs/import/fit-size.ts';
import { fitVersion } from '../../src/verbs/import/fit-version.ts';
import { readDump } from '../../src/verbs/import/read-dump.ts';
import { contextIn } from '../support/context.ts';
import { dumpedSql, makeDump, OLD_SECRET_KEY } from '../support/services/forgejo-dump.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function* pieces(text: string, bytes: number): AsyncGenerator<Uint8Array> {
  const whole = Buffer.from(text);
  for (let at = 0; at < whole.length; at += bytes) yield whole.subarray(at, at + bytes);
}

test('a dump is read: whose it is, how many rows each table has, and which key it was encrypted with', async () => {
  const folder = await temporaryFolder();
  const dump = await readDump(makeDump(folder), contextIn(folder));
  expect(dump.secretKey).toBe(OLD_SECRET_KEY);
  expect(dump.database).toMatchObject({ dialect: 'postgres', release: '0.0.0', schema: 305 });
  expect(Object.fromEntries(dump.database.rows)).toEqual({
    user: 2,
    repository: 2,
    comment: 1,
    forgejo_sem_ver: 1,
    version: 1,
  });
  expect(dump.sqlBytes).toBe(dumpedSql().length);
});

test.each([1, 7, 65_536])(
  'however the text of a database comes, in pieces of %i bytes, it is read the same',
  async (bytes) => {
    const { rows } = await readDumpedDatabase(pieces(dumpedSql(), bytes));
    expect([...rows.values()]).toEqual([2, 2, 1, 1, 1]);
  },
);

test.each([
  ['cut off', (file: string) => truncateSync(file, readFileSync(file).length - 40), 'it is cut off'],
  ['damaged', (file: string) => damage(file), 'it is damaged'],
  ['something else', (file: string) => writeFileSync(file, 'hello'), 'no zip and no packed tar'],
])('a dump that is %s is refused', async (_, change, said) => {
  const folder = await temporaryFolder();
  const file = makeDump(folder);
  change(file);
  await expect(readDump(file, contextIn(folder))).rejects.toMatchObject({
    code: 'dump-unfit',
    message: expect.stringContaining(said),
  });
});

/** A bit of what is packed of the largest file: its checksum is another one then. */
function damage(file: string): void {
  const bytes = readFileSync(file);
  const at = bytes.indexOf('forgejo-db.sql') + 200;
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  writeFileSync(file, bytes);
}

test.each([
  ['of another dialect', { dialect: 'mysql' }, 'written for mysql'],
  ['without a key', { ini: '[server]\n' }, 'SECRET_KEY is not known'],
  ['with its key elsewhere', { ini: '[security]\nSECRET_KEY_URI = file:/key\n' }, 'in a file of the old server'],
  ['with a key that no line holds', { secretKey: 'ö' }, 'beyond ASCII'],
])('a dump %s is refused, and the hint says what makes a right one', async (_, change, said) => {
  const folder = await temporaryFolder();
  await expect(readDump(makeDump(folder, change), contextIn(folder))).rejects.toMatchObject({
    code: 'dump-unfit',
    message: expect.stringContaining(said),
    hint: expect.stringMatching(/forgejo dump --database postgres|zip DUMP app\.ini|cannot be changed/),
  });
});

test.each([
  ["z.writestr('../evil', 'x')", 'leads out of it'],
  ["z.writestr('/etc/evil', 'x')", 'leads out of it'],
  [
    "i = zipfile.ZipInfo('repos/link'); i.external_attr = 0o120777 << 16; z.writestr(i, '/etc/passwd')",
    'no file and no folder',
  ],
])('an archive with more than files and folders below it is refused: %s', async (add, said) => {
  const folder = await temporaryFolder();
  const file = makeDump(folder);
  execFileSync('python3', [
    '-c',
    `import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'a')\n${add}\nz.close()`,
    file,
  ]);
  await expect(readDump(file, contextIn(folder))).rejects.toMatchObject({ message: expect.stringContaining(said) });
});

test('a packed tar is as good as a zip', async () => {
  const folder = await temporaryFolder();
  makeDump(folder);
  const file = join(folder, 'dump.tar.gz');
  execFileSync('tar', ['czf', file, '-C', join(folder, 'dump'), '.']);
  expect((await readDump(file, contextIn(folder))).database.release).toBe('0.0.0');
});

test('what belongs to the server that ran, and the old configuration, stays behind', () => {
  const names = [
    'repos/a/b.git/HEAD',
    'data/lfs/data/tmp',
    'data/gitea.db',
    'data/tmp/x',
    'data/tmpx',
    'custom/conf/app.ini',
    'custom/conf/x',
    'log/x',
    'app.ini',
  ];
  expect(names.filter((name) => isTaken({ name }))).toEqual([
    'repos/a/b.git/HEAD',
    'data/lfs/data/tmp',
    'data/tmpx',
    'custom/conf/x',
  ]);
});

const database = (release: string | undefined, schema = 305) => ({
  dialect: 'postgres',
  rows: new Map(),
  release,
  schema,
});

test.each([
  ['15.0.3', '15.0.7', 305, { origin: 'Forgejo 15.0.7', keepsMigrations: true }],
  ['10.0.1', undefined, 299, { origin: 'Gitea (schema 299)', keepsMigrations: false }],
  ['7.0.9', undefined, 280, { origin: 'Gitea (schema 280)', keepsMigrations: false }],
])('a machine with %s takes a dump of %s', (has, release, schema, fit) => {
  expect(fitVersion('forge', has, database(release, schema))).toEqual(fit);
});

test.each([
  ['15.0.3', '16.0.0', 305, /the older 15\.0\.3.*only 16\.0 takes it/, /vmkit upgrade forge with version: "16\.0\.0"/],
  ['15.0.3', '11.0.9', 305, /the newer 15\.0\.3.*only 11\.0 takes it/, /In a new machine: version: "11\.0\.9"/],
  ['15.0.3', undefined, 299, /for Forgejo 8 to 10/, /version: "10\.0\.…"/],
  ['10.0.1', undefined, 312, /schema 312/, /Gitea 1\.22 is the last one/],
  ['7.0.9', undefined, 299, /schema 299/, /version: "10/],
  [undefined, '15.0.3', 305, /never ready/, /vmkit boot forge/],
])('a machine with %s does not take a dump of %s', (has, release, schema, said, hint) => {
  expect(() => fitVersion('forge', has, database(release, schema))).toThrow(
    expect.objectContaining({
      code: 'dump-unfit',
      message: expect.stringMatching(said),
      hint: expect.stringMatching(hint),
    }),
  );
});

test('what is too large names the size that is enough', () => {
  expect(() => requireSize({ name: 'forge', dataMib: 1024 }, 3 * 1024 ** 3)).toThrow(
    expect.objectContaining({
      code: 'dump-too-large',
      hint: 'Write data: 4GiB into vm.yaml, and run it again: the disk grows.',
    }),
  );
});

test('a value of app.ini ends where Forgejo reads its end', () => {
  const ini = parseIni('[a]\nx = 1 # no\ny=`a # b`\nz = "q;r"\nw : """a"b"""\nv = "in"\nu = \'\'\n');
  expect(Object.fromEntries(ini.get('a') ?? [])).toEqual({ x: '1', y: 'a # b', z: '"q', w: 'a"b', v: 'in', u: '' });
});

test('an old server that never had a key has that of all such servers', () => {
  expect(secretKeyOf(parseIni('[security]\nINSTALL_LOCK = true\n'))).toBe('!#@FDEWREWR&*(');
});

test('settings that differ are named without their values', () => {
  const old = parseIni('[mailer]\nPASSWD = hidden\nENABLED = true\n[server]\nROOT_URL = x\n');
  const own = parseIni('[mailer]\nENABLED = true\n');
  expect(otherSettings(old, own, (path) => path === 'server.ROOT_URL')).toEqual(['mailer.PASSWD']);
});

test('a table that has other rows than the dump fails the import, and so does a repository without its folder', () => {
  const dumped = new Map([
    ['user', 2],
    ['repository', 1],
  ]);
  expect(() =>
    compareRows(dumped, 'forgejo.public.user 2\nforgejo.public.repository 1\nforgejo.public.more 3\n'),
  ).not.toThrow();
  expect(() => compareRows(dumped, 'forgejo.public.user 1\n')).toThrow(
    /user: 2 rows in the dump, 1.*\nrepository: 1 rows in the dump, no table/,
  );
  expect(() => readLook('users 2\nrepositories 1\nmissing a/b.git\nlooked 0\n', dumped)).toThrow('a/b.git');
  expect(() => readLook('', dumped)).toThrow('repository: 1 in the dump');
  expect(readLook('users 2\nrepositories 1\nadministrator Anna\ndamaged a/b.git\nlooked 1\nleft 2\n', dumped)).toEqual({
    users: 2,
    repositories: 1,
    administrators: ['Anna'],
    looked: 1,
    left: 2,
    damaged: ['a/b.git'],
  });
});
