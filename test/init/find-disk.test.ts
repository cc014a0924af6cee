import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findDisk } from '../../src/init/stage1/find-disk.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Disk {
  /** Absent where the driver has none; empty where the monitor gave none. */
  readonly serial?: string;
  /** The labels of its partitions. */
  readonly labels?: readonly string[];
}

/** What stage 1 finds under that name on a computer with these disks, in their order; undefined for none. */
async function found(name: string, disks: readonly Disk[]): Promise<string | undefined> {
  const sys = await temporaryFolder();
  await mkdir(join(sys, 'block'));
  await mkdir(join(sys, 'class/block'), { recursive: true });
  for (const [index, { serial, labels = [] }] of disks.entries()) {
    const disk = `vd${'abc'[index]}`;
    const folder = join(sys, 'devices', disk);
    await mkdir(folder, { recursive: true });
    await symlink(folder, join(sys, 'block', disk));
    await symlink(folder, join(sys, 'class/block', disk));
    if (serial !== undefined) await writeFile(join(folder, 'serial'), serial);
    for (const [number, label] of labels.entries()) {
      const part = `${disk}${number + 1}`;
      await mkdir(join(folder, part));
      await writeFile(join(folder, part, 'partition'), `${number + 1}\n`);
      await writeFile(join(folder, part, 'uevent'), `MAJOR=254\nDEVTYPE=partition\nPARTNAME=${label}\n`);
      await symlink(join(folder, part), join(sys, 'class/block', part));
    }
  }
  const script = `usleep() { :; }
${findDisk().replaceAll('/sys/', `${sys}/`)}
find_disk ${name} && echo "$disk"`;
  try {
    return execFileSync('sh', ['-c', script], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return undefined;
  }
}

test('a disk is found by its serial, whatever its place', async () => {
  expect(await found('vmkit-data', [{ serial: 'vmkit-root' }, { serial: 'vmkit-data' }])).toBe('/dev/vdb');
  expect(await found('vmkit-data', [{ serial: 'vmkit-data-2' }, {}])).toBeUndefined();
});

test('on disks without a serial, by the label of a partition', async () => {
  const disks = [{ serial: '', labels: ['other', 'vmkit-root'] }, { labels: ['vmkit-data'] }];
  expect(await found('vmkit-root', disks)).toBe('/dev/vda2');
  expect(await found('vmkit-data', disks)).toBe('/dev/vdb1');
  expect(await found('vmkit', disks)).toBeUndefined();
});

test('a label on a disk that has a serial counts for nothing: the guest writes to its data disk', async () => {
  const disks = [{ serial: 'vmkit-data', labels: ['vmkit-root'] }];
  expect(await found('vmkit-root', disks)).toBeUndefined();
});
