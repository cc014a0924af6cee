import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { backupMachine } from '../../src/verbs/backup/backup.ts';
import { listBackups } from '../../src/verbs/backup/list.ts';
import { restoreMachine } from '../../src/verbs/backup/restore.ts';
import type { VerbContext } from '../../src/verbs/step.ts';
import { contextIn } from '../support/context.ts';
import { computer, digest, NAME, scribble, withMachineOn } from '../support/services/machine-off.ts';
import { type RestStandIn, startRestStandIn } from '../support/stand-ins/rest-stand-in.ts';

const SECRET = 'se@cr/et%';
const VARIABLES = ['VMKIT_BACKUP_PASSWORD', 'VMKIT_REST_PASSWORD'];
const agree = async (): Promise<void> => undefined;

let server: RestStandIn;
const to = (login = 'me'): string => `rest:http://${login}@127.0.0.1:${server.port}/forge/`;

beforeEach(async () => {
  server = await startRestStandIn('forge', 'me', SECRET);
});

afterEach(() => {
  for (const name of VARIABLES) delete process.env[name];
});

/** All that was started, with its words and its folder. */
function watched(context: VerbContext): { readonly context: VerbContext; readonly started: string[] } {
  const started: string[] = [];
  const { host } = context;
  const exec: typeof host.exec = (argv, options) => {
    started.push(argv.join(' '));
    return host.exec(argv, options);
  };
  return { context: { ...context, host: { ...host, exec } }, started };
}

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );

test('a server of restic takes backups, forgets old ones, and gives them to another computer; nobody reads its password', async () => {
  const { folder, context: plain, paths } = await withMachineOn();
  const { context, started } = watched(plain);
  const encoded = encodeURIComponent(SECRET);
  const one = await backupMachine(NAME, { to: to(`me:${encoded}`) }, context);
  await scribble(paths, 'second');
  const two = await backupMachine(NAME, { keep: '7d' }, context);
  expect(two.to).toBe(to());
  const listed = await listBackups(NAME, undefined, context);
  expect(listed.backups.map(({ id }) => id)).toEqual([two.id]);
  expect([...server.files.keys()].filter((file) => /^(snapshots|locks)/.test(file))).toHaveLength(1);

  const other = await computer();
  const own = join(folder, 'data', 'backups', 'passwords');
  const [file = ''] = readdirSync(own).filter((name) => !name.includes('.'));
  process.env['VMKIT_BACKUP_PASSWORD'] = `file:${join(own, file)}`;
  process.env['VMKIT_REST_PASSWORD'] = SECRET;
  await restoreMachine(NAME, { from: to() }, agree, other.context);
  expect(digest(other.paths.dataDisk)).toBe(digest(paths.dataDisk));

  const said = JSON.stringify([one, two, listed, plain.progress, other.context.progress, started]);
  const holding = filesIn(folder).filter((path) => /se(@|%40)cr/.test(readFileSync(path, 'latin1')));
  expect(said).not.toMatch(/se(@|%40)cr/);
  expect(holding).toEqual([join(own, `${file}.server`)]);
  expect(statSync(holding[0] ?? '').mode & 0o777).toBe(0o600);
});

test('a wrong login, or a server that does not answer, is told as that, and the right login stays known', async () => {
  const { context } = await withMachineOn();
  const { id } = await backupMachine(NAME, { to: to(`me:${encodeURIComponent(SECRET)}`) }, context);
  const wrong = listBackups(NAME, to('me:wrong'), context);
  await expect(wrong).rejects.toMatchObject({
    code: 'backup-target-failed',
    message: expect.not.stringContaining('wrong'),
    hint: expect.stringContaining('VMKIT_REST_PASSWORD'),
  });
  await expect(backupMachine(NAME, { to: to('me:wrong') }, context)).rejects.toMatchObject({
    code: 'backup-target-failed',
  });
  expect((await listBackups(NAME, to(), context)).backups.map((backup) => backup.id)).toEqual([id]);
  server.goAway();
  await expect(listBackups(NAME, to(), context)).rejects.toMatchObject({
    code: 'backup-target-failed',
    message: expect.stringContaining('refused'),
  });
});

test('a server that goes away in the middle: back soon, the backup goes on; else the last good one is there', async () => {
  const { folder, context, paths } = await withMachineOn();
  await scribble(paths, randomBytes(36 * 1024 * 1024));
  const asked = (pattern: RegExp): Promise<void> =>
    new Promise((resolve) => {
      server.onRequest = (method, path) => {
        if (!pattern.test(`${method} ${path}`)) return;
        server.onRequest = () => undefined;
        server.goAway();
        resolve();
      };
    });
  const gone = asked(/^POST .*\/data\//);
  const first = backupMachine(NAME, { to: to(`me:${encodeURIComponent(SECRET)}`) }, context);
  await gone;
  await sleep(300);
  await server.comeBack();
  const { id } = await first;
  const good = digest(paths.dataDisk);

  await scribble(paths, randomBytes(36 * 1024 * 1024));
  const interrupt = new AbortController();
  const goneForGood = asked(/^POST .*\/data\//);
  const lost = expect(backupMachine(NAME, {}, contextIn(folder, interrupt.signal))).rejects.toThrow();
  await goneForGood;
  interrupt.abort();
  await lost;
  await server.comeBack();
  expect((await listBackups(NAME, undefined, context)).backups.map((backup) => backup.id)).toEqual([id]);
  const next = await backupMachine(NAME, {}, context);
  await restoreMachine(NAME, { id }, agree, context);
  expect(digest(paths.dataDisk)).toBe(good);
  expect((await listBackups(NAME, undefined, context)).backups.map((backup) => backup.id)).toEqual([id, next.id]);
});
