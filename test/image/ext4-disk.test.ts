import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { parseSuperblock } from '../../src/image/ext4.ts';
import { createDataDisk, growDataDisk, readDataDisk } from '../../src/image/ext4-disk.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const UUID = '0d4f5a3e-1c2b-4a5d-9e8f-001122334455';
const MIB = 1024 * 1024;

const fsck = (disk: string): string => execFileSync('e2fsck', ['-f', '-n', disk], { encoding: 'utf8', stdio: 'pipe' });
/** Runs one command of debugfs(8). */
const debug = (disk: string, command: string, write = false): Buffer =>
  execFileSync('debugfs', [...(write ? ['-w'] : []), '-R', command, disk], { stdio: 'pipe', maxBuffer: 16 * MIB });

test('a new data disk is a sound ext4 with its UUID and size, private and sparse', async () => {
  const folder = await temporaryFolder();
  const disk = join(folder, 'machines/sql/data.img');
  await createDataDisk(disk, 512, UUID, contextIn(folder));
  fsck(disk);
  expect(await readDataDisk(disk)).toEqual({ uuid: UUID, label: 'vmkit-data', bytes: 512 * MIB });
  const { mode, size, blocks } = statSync(disk);
  expect(mode & 0o777).toBe(0o600);
  expect(size).toBe(512 * MIB);
  expect(blocks * 512).toBeLessThan(16 * MIB);
  expect(readdirSync(join(folder, 'machines/sql'))).toEqual(['data.img']);
});

test('a disk of 16 TiB and more: the upper half of the number of blocks counts', async () => {
  const folder = await temporaryFolder();
  const disk = join(folder, 'data.img');
  await createDataDisk(disk, 32, UUID, contextIn(folder));
  const superblock = readFileSync(disk).subarray(1024, 2048);
  const small = parseSuperblock(superblock)?.bytes ?? 0;
  superblock.writeUInt32LE(1, 0x150);
  expect(parseSuperblock(superblock)?.bytes).toBe(small + 2 ** 32 * 2 ** (10 + superblock.readUInt32LE(0x18)));
});

test('it grows, and keeps what is on it', async () => {
  const folder = await temporaryFolder();
  const disk = join(folder, 'data.img');
  const rows = randomBytes(3_000_000);
  writeFileSync(join(folder, 'rows'), rows);
  await createDataDisk(disk, 32, UUID, contextIn(folder));
  debug(disk, `write ${join(folder, 'rows')} rows`, true);
  await growDataDisk(disk, 400, contextIn(folder));
  fsck(disk);
  expect(await readDataDisk(disk)).toMatchObject({ uuid: UUID, bytes: 400 * MIB });
  expect(debug(disk, 'cat /rows').equals(rows)).toBe(true);
  expect(statSync(disk).mode & 0o777).toBe(0o600);
});

test('killed at any moment of growing, the disk is the old one or the new one', { timeout: 300_000 }, async () => {
  const folder = await temporaryFolder();
  const disk = join(folder, 'data.img');
  const rows = randomBytes(3_000_000);
  writeFileSync(join(folder, 'rows'), rows);
  await createDataDisk(disk, 32, UUID, contextIn(folder));
  debug(disk, `write ${join(folder, 'rows')} rows`, true);
  const script = `
    import { contextIn } from '${pathToFileURL('test/support/context.ts')}';
    import { growDataDisk } from '${pathToFileURL('src/image/ext4-disk.ts')}';
    console.log('started');
    await growDataDisk('${disk}', Number(process.argv[1]), contextIn('${folder}'));`;
  let mib = 32;
  for (const afterMs of [5, 20, 45, 90]) {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', script, String(mib + 64)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        detached: true,
      },
    );
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    child.kill('SIGKILL');
    await ended;
    fsck(disk);
    const bytes = (await readDataDisk(disk))?.bytes;
    expect([mib * MIB, (mib + 64) * MIB]).toContain(bytes);
    mib = (bytes ?? 0) / MIB;
  }
  await growDataDisk(disk, mib + 1, contextIn(folder));
  fsck(disk);
  expect(existsSync(`${disk}.new`)).toBe(false);
  expect(debug(disk, 'cat /rows').equals(rows)).toBe(true);
});

test('no file is undefined; a file that is no ext4 is named as damaged', async () => {
  const folder = await temporaryFolder();
  expect(await readDataDisk(join(folder, 'none'))).toBeUndefined();
  writeFileSync(join(folder, 'zeros'), Buffer.alloc(4096));
  await expect(readDataDisk(join(folder, 'zeros'))).rejects.toMatchObject({ code: 'data-disk-damaged' });
  writeFileSync(join(folder, 'short'), 'x');
  await expect(readDataDisk(join(folder, 'short'))).rejects.toMatchObject({ code: 'data-disk-damaged' });
});
