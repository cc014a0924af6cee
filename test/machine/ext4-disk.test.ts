import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { parseSuperblock } from '../../src/machine/disks/ext4.ts';
import { createDataDisk, growDataDisk, readDataDisk } from '../../src/machine/disks/ext4-disk.ts';
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
  expect(await readDataDisk(disk, contextIn(folder))).toEqual({ uuid: UUID, label: 'vmkit-data', bytes: 512 * MIB });
  const { mode, size, blocks } = statSync(disk);
  expect(mode & 0o777).toBe(0o600);
  expect(size).toBe(512 * MIB);
  expect(blocks * 512).toBeLessThan(16 * MIB);
  expect(readdirSync(join(folder, 'machines/sql'))).toEqual(['data.img']);
});

test.each([8 * 1024, 8 * 1024 + 1, 200 * 1024])(
  'the journal of %i MiB fits into the memory of any guest',
  async (mib) => {
    const folder = await temporaryFolder();
    const disk = join(folder, 'data.img');
    await createDataDisk(disk, mib, UUID, contextIn(folder));
    const facts = execFileSync('dumpe2fs', ['-h', disk], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    expect(facts).toMatch(/Total journal size: +64M/);
  },
);

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
  expect(await readDataDisk(disk, contextIn(folder))).toMatchObject({ uuid: UUID, bytes: 400 * MIB });
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
    import { growDataDisk } from '${pathToFileURL('src/machine/disks/ext4-disk.ts')}';
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
    const bytes = (await readDataDisk(disk, contextIn(folder)))?.bytes;
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
  expect(await readDataDisk(join(folder, 'none'), contextIn(folder))).toBeUndefined();
  writeFileSync(join(folder, 'zeros'), Buffer.alloc(4096));
  await expect(readDataDisk(join(folder, 'zeros'), contextIn(folder))).rejects.toMatchObject({
    code: 'data-disk-damaged',
  });
  writeFileSync(join(folder, 'short'), 'x');
  await expect(readDataDisk(join(folder, 'short'), contextIn(folder))).rejects.toMatchObject({
    code: 'data-disk-damaged',
  });
});

test('a disk that was cut short is refused with both sizes, and left byte for byte; a longer file is as good as any', async () => {
  const folder = await temporaryFolder();
  const disk = join(folder, 'data.img');
  await createDataDisk(disk, 64, UUID, contextIn(folder));
  truncateSync(disk, 96 * MIB);
  expect(await readDataDisk(disk, contextIn(folder))).toMatchObject({ bytes: 64 * MIB });
  truncateSync(disk, 40 * MIB);
  const before = readFileSync(disk);
  await expect(readDataDisk(disk, contextIn(folder))).rejects.toMatchObject({
    code: 'data-disk-truncated',
    details: { wantedBytes: 64 * MIB, hasBytes: 40 * MIB },
  });
  expect(readFileSync(disk).equals(before)).toBe(true);
});

test.each([
  ['a block size of 2^41', 0x18, [31, 0, 0, 0]],
  ['2^63 blocks', 0x150, [0, 0, 0, 0x80]],
  ['no block', 0x4, [0, 0, 0, 0]],
])('a superblock that says %s is no ext4', async (_, offset, bytes) => {
  const folder = await temporaryFolder();
  const disk = join(folder, 'data.img');
  await createDataDisk(disk, 32, UUID, contextIn(folder));
  const content = readFileSync(disk);
  Buffer.from(bytes).copy(content, 1024 + offset);
  writeFileSync(disk, content);
  await expect(readDataDisk(disk, contextIn(folder))).rejects.toMatchObject({ code: 'data-disk-damaged' });
});

test.each([
  ['swap', (disk: string) => void execFileSync('mkswap', [disk], { stdio: 'pipe' })],
  // QEMU documentation, "Qcow2 Image File Format": magic and version.
  [
    'qcow2',
    (disk: string) =>
      writeFileSync(disk, Buffer.concat([Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'), Buffer.alloc(MIB)])),
  ],
])('a disk that is %s is named as that', async (format, make) => {
  const folder = await temporaryFolder();
  const disk = join(folder, 'data.img');
  writeFileSync(disk, Buffer.alloc(MIB));
  make(disk);
  await expect(readDataDisk(disk, contextIn(folder))).rejects.toMatchObject({
    code: 'data-disk-damaged',
    details: { format },
  });
});

test('a damaged disk is not grown, and left byte for byte', async () => {
  const folder = await temporaryFolder();
  const disk = join(folder, 'data.img');
  await createDataDisk(disk, 32, UUID, contextIn(folder));
  debug(disk, 'clri <2>', true);
  const before = readFileSync(disk);
  await expect(growDataDisk(disk, 64, contextIn(folder))).rejects.toMatchObject({ code: 'data-disk-tool-failed' });
  expect(readFileSync(disk).equals(before)).toBe(true);
  expect(existsSync(`${disk}.new`)).toBe(false);
});
