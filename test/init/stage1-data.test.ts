import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { dataChecks } from '../../src/init/stage1/data-steps.ts';
import { createDataDisk } from '../../src/machine/disks/ext4-disk.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const UUID = '0d4f5a3e-1c2b-4a5d-9e8f-001122334455';
const debugfs = (disk: string, commands: string): void => {
  writeFileSync(`${disk}.commands`, commands);
  execFileSync('debugfs', ['-w', '-f', `${disk}.commands`, disk], { stdio: 'pipe' });
};
const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Overwrites bytes of a file. */
function overwrite(disk: string, offset: number, bytes: Buffer): void {
  const content = readFileSync(disk);
  bytes.copy(content, offset);
  writeFileSync(disk, content);
}

/**
 * The guest's own checks, run on a file with this host's busybox and e2fsck: chroot runs in place, and the size comes from the file.
 */
async function check(disk: string): Promise<{ said: string; code: number }> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'new'));
  const size = join(folder, 'size');
  await writeFile(size, `${Math.floor(statSync(disk).size / 512)}\n`);
  const script = `
    fatal() { echo "FATAL $1 $2"; exit 9; }
    chroot() { shift; "$@"; }
    mount() { :; }
    umount() { rm -r "$1"; }
    rmdir() { :; }
    disk=${disk}
    ${dataChecks().replaceAll('"/sys/class/block/${disk##*/}/size"', size).replaceAll('/new/undo', `${folder}/undo`).replaceAll(' /undo/blocks', ` ${folder}/undo/blocks`)}
    echo PASSED`;
  try {
    return { said: execFileSync('sh', ['-c', script], { encoding: 'utf8', stdio: 'pipe' }), code: 0 };
  } catch (error) {
    const { stdout, status } = Object(error);
    return { said: String(stdout), code: Number(status) };
  }
}

describe('what the guest makes of a data disk', () => {
  let good = '';
  let copies = 0;
  beforeAll(async () => {
    // Its own folder: `temporaryFolder` is for one test.
    const folder = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
    good = join(folder, 'good');
    await createDataDisk(good, 64, UUID, contextIn(folder));
    const rows = join(folder, 'rows');
    writeFileSync(rows, Buffer.alloc(3_000_000, 'row'));
    debugfs(good, `write ${rows} rows\n`);
    return () => execFileSync('rm', ['-r', folder]);
  });
  const copy = (): string => {
    const disk = `${good}.${copies++}`;
    copyFileSync(good, disk);
    return disk;
  };

  test('a clean one passes untouched', async () => {
    const disk = copy();
    expect((await check(disk)).said).toBe('PASSED\n');
    expect(digest(disk)).toBe(digest(good));
  });

  test('one with a journal to be replayed, as after a power cut, passes', async () => {
    const disk = copy();
    debugfs(disk, 'jo\njw -b 333 /etc/passwd\njc\n');
    expect((await check(disk)).said).toContain('PASSED');
    const features = execFileSync('dumpe2fs', ['-h', disk], { encoding: 'utf8', stdio: 'pipe' });
    expect(features).not.toContain('needs_recovery');
  });

  test('one that is larger than its file system passes', async () => {
    const disk = copy();
    truncateSync(disk, 96 * 1024 * 1024);
    expect((await check(disk)).said).toBe('PASSED\n');
  });

  const damages: readonly [string, string, (disk: string) => void][] = [
    ['cut short', 'data-disk-truncated', (disk) => truncateSync(disk, 40 * 1024 * 1024)],
    [
      'cut short with a journal to be replayed',
      'data-disk-truncated',
      (disk) => {
        debugfs(disk, 'jo\njw -b 333 /etc/passwd\njc\n');
        truncateSync(disk, 63 * 1024 * 1024);
      },
    ],
    ['a block size of 2^40', 'data-disk-damaged', (disk) => overwrite(disk, 1024 + 0x18, Buffer.from([30, 0, 0, 0]))],
    ['2^63 blocks', 'data-disk-damaged', (disk) => overwrite(disk, 1024 + 0x150, Buffer.from([0, 0, 0, 0x80]))],
    ['damaged group descriptors', 'data-disk-damaged', (disk) => overwrite(disk, 2048, Buffer.alloc(1024, 0x5a))],
    [
      'a damaged root folder, and a journal to be replayed',
      'data-disk-damaged',
      (disk) => {
        debugfs(disk, 'clri <2>\njo\njw -b 333 /etc/passwd\njc\nssv state 2\n');
      },
    ],
  ];
  test.each(damages)('%s: refused, and left byte for byte', async (_, code, damage) => {
    const disk = copy();
    damage(disk);
    const before = digest(disk);
    expect((await check(disk)).said).toContain(`FATAL ${code}`);
    expect(digest(disk)).toBe(before);
  });
});
