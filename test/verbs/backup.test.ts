import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { withMachine } from '../../src/machine/state/machine-lock.ts';
import { cutOff } from '../../src/verbs/backup/apart.ts';
import { backupMachine } from '../../src/verbs/backup/backup.ts';
import { differences, parseCounts } from '../../src/verbs/backup/counts.ts';
import { listBackups } from '../../src/verbs/backup/list.ts';
import { restoreMachine } from '../../src/verbs/backup/restore.ts';
import { parse } from '../support/definition.ts';
import { computer, digest, NAME, scribble, withMachineOn } from '../support/services/machine-off.ts';

const GIVEN = 'VMKIT_BACKUP_PASSWORD';
const agree = async (): Promise<void> => undefined;

afterEach(() => {
  delete process.env[GIVEN];
});

const passwordOf = (folder: string): string => {
  const passwords = join(folder, 'data', 'backups', 'passwords');
  return join(passwords, readdirSync(passwords)[0] ?? '');
};

test('a repository takes a second backup for little, and another computer restores the first one', async () => {
  const { folder, context, paths } = await withMachineOn();
  const to = join(folder, 'repository');
  const first = digest(paths.dataDisk);
  const one = await backupMachine(NAME, { to }, context);
  await scribble(paths, 'second');
  const two = await backupMachine(NAME, { keep: '7d' }, context);
  expect(two.addedBytes).toBeLessThan(one.addedBytes + 1024 * 1024);
  expect(existsSync(paths.stagingDir)).toBe(false);
  expect(statSync(passwordOf(folder)).mode & 0o777).toBe(0o600);

  const other = await computer();
  process.env[GIVEN] = `file:${passwordOf(folder)}`;
  const { backups } = await listBackups(NAME, to, other.context);
  // --keep 7d keeps the last one of a day.
  expect(backups.map(({ id }) => id)).toEqual([two.id]);
  const asked: string[] = [];
  await restoreMachine(NAME, { from: to }, async ({ there }) => void asked.push(there), other.context);
  expect(asked).toEqual(['nothing']);
  expect(digest(other.paths.dataDisk)).toBe(digest(paths.dataDisk));
  expect(digest(other.paths.dataDisk)).not.toBe(first);
  expect(statSync(other.paths.dataDisk).blocks * 512).toBeLessThan(20 * 1024 * 1024);
  expect(readFileSync(join(other.paths.secretsDir, 'postgres', 'app-password'), 'utf8')).toBe('once\n');
  expect(JSON.parse(readFileSync(other.paths.identityFile, 'utf8')).machineId).toBe(
    JSON.parse(readFileSync(paths.identityFile, 'utf8')).machineId,
  );
  for (const path of [other.paths.identityFile, other.paths.dataDisk]) expect(statSync(path).mode & 0o77).toBe(0);
});

test('a wrong password, no repository, no such backup: each is said', async () => {
  const { folder, context } = await withMachineOn();
  const to = join(folder, 'repository');
  const { id } = await backupMachine(NAME, { to }, context);
  const from = (place: string, which?: string) => restoreMachine(NAME, { from: place, id: which }, agree, context);
  await expect(from(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'backup-missing' });
  await expect(from(to, 'ffffffff')).rejects.toMatchObject({
    code: 'backup-missing',
    hint: expect.stringContaining(id),
  });
  await expect(restoreMachine('other', { from: to }, agree, context)).rejects.toMatchObject({ code: 'backup-missing' });
  process.env[GIVEN] = 'not it';
  await expect(from(to)).rejects.toMatchObject({ code: 'backup-password-wrong' });
  delete process.env[GIVEN];
  // The right one was not lost by that.
  expect((await from(to)).id).toBe(id);
});

test('an archive is one file, which tar reads and nobody else may', async () => {
  const { folder, context, paths } = await withMachineOn();
  const to = join(folder, 'kept.tar.zst');
  await backupMachine(NAME, { to }, context);
  expect(statSync(to).mode & 0o777).toBe(0o600);
  const other = await computer();
  await restoreMachine(NAME, { from: to }, agree, other.context);
  expect(digest(other.paths.dataDisk)).toBe(digest(paths.dataDisk));
  await expect(backupMachine(NAME, { to, keep: '7d' }, context)).rejects.toMatchObject({ code: 'bad-usage' });
});

test('who does not agree keeps what is there, and so does whoever restores a backup that is not whole', async () => {
  const { folder, context, paths } = await withMachineOn();
  const to = join(folder, 'kept.tar.zst');
  await backupMachine(NAME, { to }, context);
  const later = await scribble(paths, 'later');
  const refuse = async (): Promise<void> => {
    throw new Error('no');
  };
  await expect(restoreMachine(NAME, { from: to }, refuse, context)).rejects.toThrow('no');
  writeFileSync(to, readFileSync(to).subarray(0, -50_000));
  await expect(restoreMachine(NAME, { from: to }, agree, context)).rejects.toMatchObject({
    code: 'backup-target-failed',
  });
  expect(digest(paths.dataDisk)).toBe(later);
});

test('a machine without a disk is told before anything is made', async () => {
  const { folder, context } = await computer();
  await expect(backupMachine(NAME, {}, context)).rejects.toMatchObject({ code: 'data-disk-missing' });
  expect(existsSync(join(folder, 'data', 'backups'))).toBe(false);
});

test('what was decided is put in place by whoever takes the lock next, wherever it was cut off', async () => {
  const { context, paths } = await withMachineOn();
  const files = { 'data.img': 'new disk', 'identity.json': 'new identity' };
  for (const step of [0, 1, 2, 3]) {
    mkdirSync(join(paths.decidedDir, 'secrets'), { recursive: true });
    writeFileSync(join(paths.decidedDir, 'secrets', 'key'), 'new secret');
    for (const [name, text] of Object.entries(files)) writeFileSync(join(paths.decidedDir, name), text);
    // As far as somebody got who was killed: the steps are in this order.
    if (step > 0) {
      rmSync(paths.secretsDir, { recursive: true });
      renameSync(join(paths.decidedDir, 'secrets'), paths.secretsDir);
    }
    if (step > 1) renameSync(join(paths.decidedDir, 'identity.json'), paths.identityFile);
    if (step > 2) renameSync(join(paths.decidedDir, 'data.img'), paths.dataDisk);
    await withMachine(NAME, 'test', context, async () => undefined);
    expect(readFileSync(paths.dataDisk, 'utf8')).toBe('new disk');
    expect(readFileSync(paths.identityFile, 'utf8')).toBe('new identity');
    expect(readFileSync(join(paths.secretsDir, 'key'), 'utf8')).toBe('new secret');
    expect(existsSync(paths.decidedDir)).toBe(false);
    writeFileSync(paths.dataDisk, 'old');
  }
  // What was not decided yet is nothing.
  mkdirSync(paths.incomingDir);
  writeFileSync(join(paths.incomingDir, 'data.img'), 'half');
  await withMachine(NAME, 'test', context, async () => undefined);
  expect([readFileSync(paths.dataDisk, 'utf8'), existsSync(paths.incomingDir)]).toEqual(['old', false]);
});

test('numbers that did not change must be the same, others lie between', () => {
  const counts = (text: string): ReadonlyMap<string, number> => new Map(parseCounts(text));
  const counted = [counts('a 5\nb 10\nnoise here\nmade 1'), counts('a 5\nb 12\nnew 3')];
  expect(differences(counted, counts('a 5\nb 11'))).toEqual([]);
  expect(differences(counted, counts('a 4\nb 13\nmade 1'))).toEqual([
    'a: 5 before, 4 in the copy',
    'b: 10 to 12 before, 13 in the copy',
  ]);
  expect(differences(counted, counts('b 10'))).toEqual(['a: 5 before, not in the copy']);
});

test('a checked machine has no network, no ports and no tunnel; one that needs others is not checked', () => {
  const own = '  - { name: web, run: x, ready: { tcp: 80 }, ports: [{ name: web, port: 80, host: 8080 }] }\n';
  const head = 'name: demo\narch: x86_64\nmemory: 256MiB\ndata: 64MiB\n';
  const spec = (text: string) => {
    const { spec: read } = parse(head + text);
    if (read === undefined) throw new Error('not read');
    return { ...read, arch: 'x86_64' as const };
  };
  const alone = cutOff(spec(`services:\n${own}  - { use: wireguard, clients: [laptop] }\n`));
  expect(alone.services.map(({ name }) => name)).toEqual(['ssh', 'web']);
  expect(alone.network).toMatchObject({ world: 'none' });
  expect(alone.services.flatMap(({ ports }) => ports.map(({ hostPort }) => hostPort)).filter(Boolean)).toEqual([]);
  const needing = spec(`needs: [sql]\nnetwork: { kind: private, address: 192.168.100.2 }\nservices:\n${own}`);
  expect(() => cutOff(needing)).toThrow(expect.objectContaining({ code: 'backup-needs-others' }));
});
