import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { localHost } from '../../src/host/local/local.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const host = localHost();
const isRoot = process.getuid?.() === 0;

test('a file is written with exactly its mode, whatever the umask, and folders are made', async () => {
  const folder = await temporaryFolder();
  const before = process.umask(0o077);
  try {
    await host.write(join(folder, 'a/b/public'), 'x', 0o644);
    await host.write(join(folder, 'secret'), new Uint8Array([1, 2]), 0o600);
  } finally {
    process.umask(before);
  }
  expect((await stat(join(folder, 'a/b/public'))).mode & 0o777).toBe(0o644);
  expect((await stat(join(folder, 'secret'))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(folder, 'secret'))).toEqual(Buffer.from([1, 2]));
});

test('a new content takes the place of the old file, its mode too, and leaves no temporary file', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'key');
  await writeFile(file, 'old', { mode: 0o666 });
  await chmod(file, 0o666);
  await host.write(file, 'new', 0o600);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['key']);
});

test('a write that fails leaves the old content and no temporary file', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'taken'));
  await writeFile(join(folder, 'taken/file'), 'old');
  await expect(host.write(join(folder, 'taken'), 'new')).rejects.toThrow();
  expect(await readdir(folder)).toEqual(['taken']);
});

test.skipIf(isRoot)('a folder of another owner is named', async () => {
  const folder = await temporaryFolder();
  await chmod(folder, 0o500);
  await expect(host.write(join(folder, 'file'), 'x')).rejects.toMatchObject({ code: 'not-writable' });
});

test('a file that is not there is undefined; a folder is an error', async () => {
  const folder = await temporaryFolder();
  expect(await host.read(join(folder, 'nothing'))).toBeUndefined();
  await expect(host.read(folder)).rejects.toMatchObject({ code: 'not-a-file' });
});

test('what has no end, or is longer than it should be, is not read', async () => {
  const folder = await temporaryFolder();
  await host.exec(['mkfifo', join(folder, 'pipe')]);
  await host.exec(['truncate', '-s', '3G', join(folder, 'long')]);
  await writeFile(join(folder, 'short'), 'abc');
  await expect(host.read(join(folder, 'pipe'))).rejects.toMatchObject({ code: 'not-a-file' });
  await expect(host.read('/dev/zero')).rejects.toMatchObject({ code: 'not-a-file' });
  await expect(host.read(join(folder, 'long'))).rejects.toMatchObject({ code: 'file-too-long' });
  await expect(host.read(join(folder, 'short'), 2)).rejects.toMatchObject({ code: 'file-too-long' });
  expect(await host.read(join(folder, 'short'), 3)).toEqual(Buffer.from('abc'));
  // Its size is 0, its content is not.
  expect((await host.read('/proc/self/status'))?.length).toBeGreaterThan(100);
});

test('facts are as uname says', async () => {
  const { stdout } = await host.exec(['uname', '-m']);
  expect(await host.facts()).toMatchObject({ machine: stdout.trim(), isRoot });
});
