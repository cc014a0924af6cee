import {
  existsSync,
  lstatSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { expect, test } from 'vitest';
import { type MachinePaths, machinePaths } from '../../src/core/paths.ts';
import type { Context } from '../../src/host/context.ts';
import { ensureDataDisk } from '../../src/machine/disks/data-disk.ts';
import { createDataDisk, readDataDisk } from '../../src/machine/disks/ext4-disk.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MIB = 1024 * 1024;

async function machine(): Promise<{
  context: Context;
  paths: MachinePaths;
  ensure: (dataMib: number) => Promise<{ uuid: string }>;
}> {
  const context = contextIn(await temporaryFolder());
  const paths = machinePaths(context.paths, 'sql');
  return { context, paths, ensure: (dataMib) => ensureDataDisk({ name: 'sql', dataMib }, paths, context) };
}

test('made once, then found again', async () => {
  const { paths, ensure } = await machine();
  const { uuid } = await ensure(32);
  const before = readFileSync(paths.dataDisk);
  expect(await ensure(32)).toEqual({ uuid });
  expect(readFileSync(paths.dataDisk).equals(before)).toBe(true);
  expect(statSync(paths.identityFile).mode & 0o777).toBe(0o600);
});

test('a larger definition grows it, a smaller one is refused with both sizes', async () => {
  const { context, paths, ensure } = await machine();
  await ensure(32);
  await ensure(64);
  expect((await readDataDisk(paths.dataDisk, context))?.bytes).toBe(64 * MIB);
  await expect(ensure(48)).rejects.toMatchObject({ code: 'data-disk-shrink', details: { hasMib: 64, wantedMib: 48 } });
});

test('a missing disk is never replaced', async () => {
  const { paths, ensure } = await machine();
  await ensure(32);
  rmSync(paths.dataDisk);
  await expect(ensure(32)).rejects.toMatchObject({ code: 'data-disk-missing' });
  expect(existsSync(paths.dataDisk)).toBe(false);
});

test("another machine's disk is refused and left as it is", async () => {
  const { context, paths, ensure } = await machine();
  await ensure(32);
  renameSync(paths.dataDisk, `${paths.dataDisk}.mine`);
  await createDataDisk(paths.dataDisk, 32, '11111111-2222-4333-8444-555555555555', context);
  await expect(ensure(64)).rejects.toMatchObject({ code: 'data-disk-foreign' });
  expect(await readDataDisk(paths.dataDisk, context)).toMatchObject({
    uuid: '11111111-2222-4333-8444-555555555555',
    bytes: 32 * MIB,
  });
});

test('a disk without an identity is not adopted', async () => {
  const { paths, ensure } = await machine();
  await ensure(32);
  rmSync(paths.identityFile);
  await expect(ensure(32)).rejects.toMatchObject({ code: 'data-disk-foreign' });
  expect(existsSync(paths.identityFile)).toBe(false);
});

test('killed between identity and disk, or between disk and its note, the next call goes on', async () => {
  const { paths, ensure } = await machine();
  const { uuid } = await ensure(32);
  const identity = readFileSync(paths.identityFile, 'utf8').replace('"hasDataDisk": true', '"hasDataDisk": false');
  writeFileSync(paths.identityFile, identity);
  expect(await ensure(32)).toEqual({ uuid });
  writeFileSync(paths.identityFile, identity);
  renameSync(paths.dataDisk, `${paths.dataDisk}.new`);
  truncateSync(`${paths.dataDisk}.new`, 1000);
  expect(await ensure(32)).toEqual({ uuid });
  expect(readFileSync(paths.identityFile, 'utf8')).toContain('"hasDataDisk": true');
});

test('an identity that cannot be read stops everything', async () => {
  const { paths, ensure } = await machine();
  await ensure(32);
  writeFileSync(paths.identityFile, '{"machineId":"../../x"}');
  await expect(ensure(32)).rejects.toMatchObject({ code: 'identity-damaged' });
});

test('what a killed vmkit left of a larger disk is removed by the next call', async () => {
  const { paths, ensure } = await machine();
  await ensure(32);
  writeFileSync(`${paths.dataDisk}.new`, 'half');
  await ensure(32);
  expect(existsSync(`${paths.dataDisk}.new`)).toBe(false);
});

test('a disk that is kept elsewhere, by a symbolic link, grows there', async () => {
  const { context, paths, ensure } = await machine();
  await ensure(32);
  const elsewhere = `${context.paths.data}/elsewhere.img`;
  renameSync(paths.dataDisk, elsewhere);
  symlinkSync(elsewhere, paths.dataDisk);
  await ensure(64);
  expect(lstatSync(paths.dataDisk).isSymbolicLink()).toBe(true);
  expect(statSync(elsewhere).size).toBe(64 * MIB);
});

test('a disk that was cut short is neither taken nor grown', async () => {
  const { paths, ensure } = await machine();
  await ensure(32);
  truncateSync(paths.dataDisk, 20 * MIB);
  const before = readFileSync(paths.dataDisk);
  await expect(ensure(32)).rejects.toMatchObject({ code: 'data-disk-truncated' });
  await expect(ensure(64)).rejects.toMatchObject({ code: 'data-disk-truncated' });
  expect(readFileSync(paths.dataDisk).equals(before)).toBe(true);
});
