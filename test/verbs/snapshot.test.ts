import { readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { machinePaths } from '../../src/core/paths.ts';
import { ensureDataDisk } from '../../src/machine/disks/data-disk.ts';
import { readIdentity, writeIdentity } from '../../src/machine/disks/identity.ts';
import { snapshotId } from '../../src/machine/disks/snapshots.ts';
import { rollBack } from '../../src/verbs/backup/rollback.ts';
import { deleteSnapshot, snapshotsOf, takeSnapshot } from '../../src/verbs/backup/snapshot.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const NAME = 'kept';
const AT = 50 * 1024 * 1024;

async function machine() {
  const context = contextIn(await temporaryFolder());
  const paths = machinePaths(context.paths, NAME);
  await ensureDataDisk({ name: NAME, dataMib: 64 }, paths, context);
  const write = async (text: string): Promise<void> => {
    const file = await open(paths.dataDisk, 'r+');
    await file.write(text, AT);
    await file.close();
  };
  const read = (): string => readFileSync(paths.dataDisk).toString('latin1', AT, AT + 3);
  return { context, paths, write, read };
}

test('back to a snapshot, and back to what was before that', async () => {
  const { context, write, read } = await machine();
  await write('one');
  const { id } = await takeSnapshot(NAME, context);
  await write('two');
  const back = await rollBack(NAME, id, context);
  expect(read()).toBe('one');
  await rollBack(NAME, back.kept, context);
  expect(read()).toBe('two');
  const all = await snapshotsOf(NAME, context);
  expect(all.map((each) => each.why)).toEqual([
    undefined,
    expect.stringContaining(id),
    expect.stringContaining(back.kept),
  ]);
  await deleteSnapshot(NAME, id, context);
  expect((await snapshotsOf(NAME, context)).map((each) => each.id)).not.toContain(id);
  await expect(rollBack(NAME, id, context)).rejects.toMatchObject({ code: 'snapshot-missing' });
});

test('the snapshot of another disk is refused, and nothing is changed', async () => {
  const { context, paths, write, read } = await machine();
  await write('one');
  await takeSnapshot(NAME, context);
  await write('two');
  const identity = await readIdentity(paths.identityFile, context.host);
  if (identity === undefined) throw new Error('no identity');
  const dataDiskUuid = identity.dataDiskUuid.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
  await writeIdentity(paths.identityFile, { ...identity, dataDiskUuid }, context.host);
  await expect(rollBack(NAME, undefined, context)).rejects.toMatchObject({ code: 'data-disk-foreign' });
  expect(read()).toBe('two');
});

test('a folder that is no whole snapshot is none', async () => {
  const { context, paths } = await machine();
  const { id } = await takeSnapshot(NAME, context);
  writeFileSync(`${paths.snapshotsDir}/${id}/snapshot.json`, '{');
  expect(await snapshotsOf(NAME, context)).toEqual([]);
});

test('two snapshots of one second have two ids, in their order', () => {
  const at = new Date('2026-01-31T23:59:59.9Z');
  const one = snapshotId(at, []);
  const two = snapshotId(at, [one]);
  expect([one, two]).toEqual(['20260131-235959', '20260131-235959-2']);
  expect([two, one].sort()).toEqual([one, two]);
});
