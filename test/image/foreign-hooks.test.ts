import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { PACK_PROGRAMS, putNativePrograms, takeNativePrograms } from '../../src/image/foreign/foreign-hooks.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ELF = '\u007fELF';

function tree(root: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), 0o755);
  }
  return root;
}

const hook = (script: string, root: string): unknown => execFileSync('sh', ['-c', script, 'exec', root]);
const list = (root: string): string =>
  execFileSync('sh', ['-c', 'find . -type f -exec md5sum {} + -o -print | sort', 'sh'], {
    cwd: root,
    encoding: 'utf8',
  });

/** The archive of an unpacked root of this computer's own processor. */
function packed(folder: string): string {
  const native = tree(join(folder, 'native'), {
    'usr/bin/dash': `${ELF} native dash`,
    'usr/bin/openssl': `${ELF} native openssl`,
    'usr/bin/uname': `${ELF} native uname`,
    'usr/bin/which': '#!/bin/sh',
    'usr/lib/x86_64-linux-gnu/perl/a.so': `${ELF} native library`,
    'usr/lib64/ld.so': `${ELF} native loader`,
    'usr/share/doc/x': 'x',
  });
  symlinkSync('dash', join(native, 'usr/bin/sh'));
  symlinkSync('usr/lib64', join(native, 'lib64'));
  const all = join(folder, 'all.tar');
  execFileSync('tar', ['-c', '-f', all, '-C', native, '.']);
  const scratch = join(folder, 'scratch');
  mkdirSync(scratch);
  const archive = join(folder, 'programs.tar');
  execFileSync('sh', ['-c', PACK_PROGRAMS, 'sh', all, archive], { cwd: scratch });
  return archive;
}

test("a foreign root has this computer's programs while packages are installed, and is its own again after", async () => {
  const folder = await temporaryFolder();
  const archive = packed(folder);
  const diverted = '/lib/libx.so\n/lib/libx.so.usr-is-merged\nlibx\n';
  const files = {
    'usr/bin/dash': `${ELF} foreign dash`,
    'usr/bin/uname': `${ELF} foreign uname`,
    'usr/lib/aarch64-linux-gnu/libc.so': `${ELF} foreign library`,
    'var/lib/dpkg/diversions': diverted,
  };
  const root = tree(join(folder, 'root'), files);
  const before = list(root);
  hook(putNativePrograms(archive), root);
  const during = (path: string): string => readFileSync(join(root, path), 'utf8');
  expect(during('usr/bin/dash')).toBe(`${ELF} native dash`);
  expect(during('usr/bin/uname')).toBe(`${ELF} foreign uname`);
  expect(during('lib64/ld.so')).toBe(`${ELF} native loader`);
  expect(during('var/lib/dpkg/diversions')).toBe(
    `${diverted}/usr/bin/dash\n/usr/bin/dash.vmkit-away\n:\n/usr/bin/openssl\n/usr/bin/openssl.vmkit-away\n:\n`,
  );
  // Unpacked by dpkg beside the native one, which came before it.
  writeFileSync(join(root, 'usr/bin/openssl.vmkit-away'), `${ELF} foreign openssl`);
  hook(takeNativePrograms(archive), root);
  expect(readFileSync(join(root, 'usr/bin/openssl'), 'utf8')).toBe(`${ELF} foreign openssl`);
  execFileSync('rm', [join(root, 'usr/bin/openssl')]);
  expect(list(root)).toBe(before);
});
