import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Tree } from '../../src/core/tree.ts';
import { packCpio } from '../../src/image/cpio.ts';
import { packSecretsDisk } from '../../src/secrets/secrets-disk.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { readCpio } from './read-cpio.ts';

const tree: Tree = [
  { kind: 'file', path: 'init', mode: 0o755, content: '#!/bin/sh\n' },
  {
    kind: 'file',
    path: 'run/secrets/forgejo/key',
    mode: 0o400,
    uid: 70_123,
    gid: 70_124,
    content: new Uint8Array([0, 255, 10]),
  },
  { kind: 'directory', path: 'run/secrets', mode: 0o711 },
  { kind: 'symlink', path: 'bin/sh', target: 'busybox' },
  { kind: 'file', path: 'empty', mode: 0o644, content: '' },
];

test('cpio lists what was packed, with owners, modes and times', () => {
  const listing = execFileSync('cpio', ['-itv', '--numeric-uid-gid'], {
    input: packCpio([...tree, { kind: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 }]),
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  expect(listing.replaceAll(/ +/g, ' ').trimEnd().split('\n')).toEqual([
    'drwxr-xr-x 2 0 0 0 Jan 1 1970 bin',
    'lrwxrwxrwx 1 0 0 7 Jan 1 1970 bin/sh -> busybox',
    'drwxr-xr-x 2 0 0 0 Jan 1 1970 dev',
    'crw------- 1 0 0 5, 1 Jan 1 1970 dev/console',
    '-rw-r--r-- 1 0 0 0 Jan 1 1970 empty',
    '-rwxr-xr-x 1 0 0 10 Jan 1 1970 init',
    'drwxr-xr-x 2 0 0 0 Jan 1 1970 run',
    'drwx--x--x 2 0 0 0 Jan 1 1970 run/secrets',
    'drwxr-xr-x 2 0 0 0 Jan 1 1970 run/secrets/forgejo',
    '-r-------- 1 70123 70124 3 Jan 1 1970 run/secrets/forgejo/key',
  ]);
});

test('cpio unpacks what was packed', async () => {
  const folder = await temporaryFolder();
  execFileSync('cpio', ['-id', '--quiet', '--no-preserve-owner'], { cwd: folder, input: packCpio(tree) });
  expect(readdirSync(folder).sort()).toEqual(['bin', 'empty', 'init', 'run']);
  expect(readlinkSync(join(folder, 'bin/sh'))).toBe('busybox');
  expect([...readFileSync(join(folder, 'run/secrets/forgejo/key'))]).toEqual([0, 255, 10]);
  expect(statSync(join(folder, 'init')).mode & 0o777).toBe(0o755);
});

test('the secrets disk is whole sectors, and still an archive', () => {
  const disk = packSecretsDisk([{ kind: 'file', path: 'run/vmkit/now', mode: 0o400, content: '1\n' }]);
  expect(disk.length % 512).toBe(0);
  expect(readCpio(disk).map(({ path }) => path)).toEqual(['run', 'run/vmkit', 'run/vmkit/now']);
});

const name = fc.stringMatching(/^[a-zA-Z0-9._ é-]{1,8}$/).filter((part) => part !== '.' && part !== '..');
const file = fc.record({
  kind: fc.constant('file' as const),
  path: fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 2 ** 31 }),
  content: fc.uint8Array({ maxLength: 40 }),
});
/** Files whose paths do not go through each other. */
const files = fc
  .array(file, { maxLength: 6 })
  .map((all) =>
    all.filter(({ path }, at) => !all.some((other, index) => index !== at && `${other.path}/`.startsWith(`${path}/`))),
  );

test('any files come back as they were, after their folders, whatever their order', () => {
  fc.assert(
    fc.property(files, (entries) => {
      const archive = packCpio(entries);
      expect(packCpio([...entries].reverse())).toEqual(archive);
      const written = new Map(entries.map((entry) => [entry.path, entry]));
      const seen = new Set(['']);
      for (const { path, isDirectory, mode, uid, data } of readCpio(archive)) {
        if (!seen.has(path.slice(0, Math.max(0, path.lastIndexOf('/')))))
          throw new Error(`${path} comes before its folder`);
        seen.add(path);
        if (isDirectory) continue;
        expect({ kind: 'file', path, mode, uid, content: new Uint8Array(data) }).toEqual(written.get(path));
        written.delete(path);
      }
      expect([...written.keys()]).toEqual([]);
    }),
    { numRuns: 50 },
  );
});

test.each(['/etc/passwd', 'a/../b', 'a//b', '', 'a/', './a'])('a path that is not plain is refused: %j', (path) => {
  expect(() => packCpio([{ kind: 'directory', path, mode: 0o755 }])).toThrow(TypeError);
});

test('two entries of one path, and a file above a file, are refused', () => {
  const entry = { kind: 'file', path: 'a', mode: 0o644, content: '' } as const;
  expect(() => packCpio([entry, entry])).toThrow('twice');
  expect(() => packCpio([entry, { ...entry, path: 'a/b' }])).toThrow('not a folder');
});
