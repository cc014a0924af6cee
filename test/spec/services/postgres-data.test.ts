import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { postgres } from '../../../src/spec/services/postgres/postgres.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** What PostgreSQL's setup does with the data that it finds, run here; initdb is a stand-in. */
async function setup(prepare: (home: string) => Promise<void>): Promise<{ said: string; after: string[] }> {
  const folder = await temporaryFolder();
  const home = join(folder, 'data', 'postgres');
  await mkdir(home, { recursive: true });
  await prepare(home);
  const library = join(folder, 'library');
  await writeFile(
    library,
    `refuse() { echo "refused $1 $2: $3"; exit 1; }
s6_setuidgid() { mkdir -p ${home}/17.new && cluster ${home}/17.new 17; echo made; }
cluster() { mkdir -p "$1/global" && echo "$2" >"$1/PG_VERSION" && echo x >"$1/global/pg_control"; }
sync() { :; }
`,
  );
  const script = (postgres.create({}).setup ?? '')
    .replaceAll('/run/vmkit/library', library)
    .replaceAll('/run/vmkit/busybox install', ': install')
    .replaceAll('s6-setuidgid', 's6_setuidgid')
    .replaceAll('/data/postgres', home);
  const before = (await readdir(home)).join();
  let said = '';
  try {
    said = execFileSync('sh', ['-euc', script], { encoding: 'utf8' });
  } catch (error) {
    said = String(Object(error).stdout);
    expect((await readdir(home)).join()).toBe(before);
  }
  return { said: said.trim().replaceAll(home, '/data/postgres'), after: (await readdir(home)).sort() };
}

async function cluster(folder: string, version: string): Promise<void> {
  await mkdir(join(folder, 'global'), { recursive: true });
  await writeFile(join(folder, 'PG_VERSION'), `${version}\n`);
  await writeFile(join(folder, 'global', 'pg_control'), 'x');
}

test('an empty disk gets a cluster; so does one on which initdb was killed, by this version or another', async () => {
  expect(await setup(async () => undefined)).toEqual({ said: 'made', after: ['17'] });
  const killed = async (home: string): Promise<void> => {
    await cluster(join(home, '17.new'), '17');
    await cluster(join(home, '15.new'), '15');
  };
  expect(await setup(killed)).toEqual({ said: 'made', after: ['15.new', '17'] });
});

test.each(['15', '18', '15/main', '.'])('data of another version in %s is refused, with both versions', async (at) => {
  const { said } = await setup((home) => cluster(join(home, at), at === '18' ? '18' : '9.6'));
  expect(said).toContain('refused postgres data-of-other-version: the data in /data/postgres');
  expect(said).toContain(at === '18' ? 'PostgreSQL 18, and this is PostgreSQL 17' : 'PostgreSQL 9.6, and this is');
});

test('a folder that says another version than its name is refused', async () => {
  expect((await setup((home) => cluster(join(home, '17'), '16'))).said).toContain('data-of-other-version');
});

test('its own data beside that of another version is its own', async () => {
  const both = async (home: string): Promise<void> => {
    await cluster(join(home, '15'), '15');
    await cluster(join(home, '17'), '17');
  };
  expect(await setup(both)).toEqual({ said: '', after: ['15', '17'] });
});

test('a cluster that is not whole is refused, and so is a link that leads nowhere', async () => {
  const empty = async (home: string): Promise<void> => void (await mkdir(join(home, '17')));
  const cut = async (home: string): Promise<void> => {
    await cluster(join(home, '17'), '17');
    await rename(join(home, '17', 'global', 'pg_control'), join(home, '17', 'global', 'other'));
  };
  const away = (home: string): Promise<void> => symlink('/nowhere/17', join(home, '17'));
  for (const damage of [empty, cut, away])
    expect((await setup(damage)).said).toContain('refused postgres data-not-whole: /data/postgres/17 holds no whole');
});
