import { mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolders } from '../../src/host/local/files/make-folders.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('all that is missing is made, with its mode; what is there stays', async () => {
  const at = await temporaryFolder();
  mkdirSync(join(at, 'there'), { mode: 0o750 });
  makeFolders(join(at, 'there', 'a', 'b'), 0o700);
  makeFolders(join(at, 'there', 'a', 'b'), 0o755);
  expect(['there', 'there/a', 'there/a/b'].map((name) => statSync(join(at, name)).mode & 0o777)).toEqual([
    0o750, 0o700, 0o700,
  ]);
});

// Node's own mkdir never ends for the first two.
test.each([
  ['/proc/self/vmkit/machines/a', 'ENOENT'],
  ['/proc/self/cwd-of-nobody', 'ENOENT'],
  ['/dev/null/a', 'ENOTDIR'],
])('%s cannot be made', (path, code) => {
  expect(() => makeFolders(path)).toThrow(expect.objectContaining({ code }));
});

test('a file, a link to nothing and a folder that was deleted are told', async () => {
  const at = await temporaryFolder();
  writeFileSync(join(at, 'file'), '');
  symlinkSync('nothing', join(at, 'link'));
  expect(() => makeFolders(join(at, 'file'))).toThrow(expect.objectContaining({ code: 'EEXIST' }));
  expect(() => makeFolders(join(at, 'file', 'a'))).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
  expect(() => makeFolders(join(at, 'link', 'a'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  const gone = join(at, 'gone');
  mkdirSync(gone);
  const before = process.cwd();
  process.chdir(gone);
  rmSync(gone, { recursive: true });
  try {
    expect(() => makeFolders('/proc/self/cwd/a/b')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  } finally {
    process.chdir(before);
  }
});
