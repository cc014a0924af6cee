import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { machinePaths } from '../../../src/core/paths.ts';
import { applyChanges } from '../../../src/machine/disks/apply-changes.ts';
import { qemu } from '../../../src/machine/vmm/qemu/qemu.ts';
import { DISK_SERIALS } from '../../../src/spec/disks.ts';
import { contextIn } from '../../support/context.ts';
import { dice, SEED } from '../../support/run/dice.ts';
import { digest } from '../../support/services/machine-off.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const MIB = 1024 ** 2;
const BYTES = 40 * MIB + 512 * 1024;

/** A QEMU whose processor stands still, with a data disk, and somebody who writes to it as the guest's controller would. */
async function qemuWithDisk() {
  const context = contextIn(await temporaryFolder());
  const paths = machinePaths(context.paths, 'sql');
  for (const folder of [paths.runDir, paths.dataDir]) mkdirSync(folder, { recursive: true });
  writeFileSync(paths.dataDisk, '');
  truncateSync(paths.dataDisk, BYTES);
  const monitor = join(paths.runDir, 'hmp');
  const words = ['-M', 'q35', '-accel', 'tcg', '-S', '-nodefaults', '-display', 'none', '-m', '16M'];
  const disk = `driver=raw,node-name=${DISK_SERIALS.data},discard=unmap,file.driver=file,file.filename=${paths.dataDisk},file.locking=off`;
  const sockets = ['-qmp', paths.controlSocket, '-monitor', monitor].map((word) =>
    word.startsWith('/') ? `unix:${word},server=on,wait=off` : word,
  );
  const device = `virtio-blk-pci,drive=${DISK_SERIALS.data},id=disk,share-rw=on`;
  const child = spawn('qemu-system-x86_64', [...words, '-blockdev', disk, '-device', device, ...sockets], {
    cwd: paths.runDir,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await poll(async () => statSync(monitor, { throwIfNoEntry: false }) && statSync(paths.controlSocket), {
    withinMs: 30_000,
  });
  const socket = connect(monitor);
  onTestFinished(() => void socket.destroy());
  await said(socket);
  return { context, paths, write: (command: string) => ask(socket, `qemu-io ${DISK_SERIALS.data} "${command}"`) };
}

async function said(socket: Socket): Promise<string> {
  let text = '';
  while (!text.endsWith('(qemu) ')) {
    const [piece]: unknown[] = await once(socket, 'data');
    text += String(piece);
  }
  return text;
}

async function ask(socket: Socket, line: string): Promise<void> {
  socket.write(`${line}\n`);
  expect(await said(socket)).not.toMatch(/error|failed|invalid/i);
}

test('a whole copy and what was written since are the disk, however it was written to', async () => {
  console.log(`VMKIT_TEST_SEED=${SEED}`);
  const { int, pick } = dice(SEED);
  const { context, paths, write } = await qemuWithDisk();
  const { changes, copyDisk } = qemu;
  if (changes === undefined || copyDisk === undefined) throw new Error('QEMU can do both.');
  const some = async (): Promise<void> => {
    const bytes = 512 * (1 + int(1024));
    const at = 512 * int((BYTES - bytes) / 512);
    await write(pick([`write -P ${1 + int(255)} ${at} ${bytes}`, `write -z ${at} ${bytes}`, `discard ${at} ${bytes}`]));
  };
  for (let writes = 0; writes < 60; writes++) await some();
  const base = join(paths.dataDir, 'base');
  const disk = join(paths.dataDir, 'disk');
  const image = join(paths.dataDir, 'image');
  expect(await changes.bytes('a', paths, context.host)).toBe(undefined);
  const whole = await copyDisk(paths, base, context);
  await changes.begin('a', paths, context.host);
  await whole.begin();
  await some();
  await whole.finish();
  expect(await changes.bytes('other', paths, context.host)).toBe(undefined);
  // Holes are holes, but for pieces smaller than a cluster.
  expect(statSync(base).blocks).toBeLessThan(statSync(paths.dataDisk).blocks * 1.1 + 2048);

  for (let later = 0; later < 3; later++) {
    for (let writes = 0; writes < 10; writes++) await some();
    // The end of the disk, which is no whole cluster.
    await write(`write -P 7 ${BYTES - 512} 512`);
    const copy = await changes.copy('a', paths, image, context);
    const then = digest(paths.dataDisk);
    await copy.begin();
    await write(`write -P ${1 + int(255)} ${MIB} ${MIB}`);
    await copy.finish();
    copyFileSync(base, disk);
    await applyChanges(image, disk, context);
    expect(digest(disk)).toBe(then);
    expect(statSync(image).size).toBeLessThan(BYTES / 2);
  }
  expect(await changes.bytes('a', paths, context.host)).toBeGreaterThan(MIB);
  await changes.begin('b', paths, context.host);
  expect(await changes.bytes('a', paths, context.host)).toBe(undefined);
  expect(await changes.bytes('b', paths, context.host)).toBe(0);
});

test('what is no image of changes, or of another disk, changes nothing', async () => {
  const folder = await temporaryFolder();
  const [image, disk] = [join(folder, 'image'), join(folder, 'disk')];
  writeFileSync(disk, Buffer.alloc(MIB, 1));
  writeFileSync(image, Buffer.alloc(MIB, 2));
  await expect(applyChanges(image, disk, contextIn(folder))).rejects.toMatchObject({
    code: 'backup-damaged',
    message: expect.stringContaining('no image of changes'),
  });
});
