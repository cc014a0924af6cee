import { execFileSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isProgram, searchPath } from '../../src/host/local/search-path.ts';
import { askCompilers } from '../../src/kernel/distribute.ts';
import { contextIn } from '../support/context.ts';
import { startDistccd } from '../support/hosts/distccd.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const toolchain = { crossCompile: '', gcc: 'gcc', ld: 'ld', hasCcache: false };
const path = process.env['PATH'] ?? '';

describe.skipIf(!isProgram('distccd', searchPath(path)))('compiling on other computers', () => {
  test('two that compile as this one does are taken, with all their jobs', async () => {
    const hosts = [await startDistccd(), await startDistccd()];
    const context = contextIn(await temporaryFolder());
    expect(await askCompilers(hosts, toolchain, context)).toMatchObject({ hosts, jobs: 4 });
  });

  test('one whose compiler makes another object is refused by name', async () => {
    const folder = await temporaryFolder();
    // distcc calls it by its full name.
    for (const name of ['gcc', `${execFileSync('gcc', ['-dumpmachine'], { encoding: 'utf8' }).trim()}-gcc`]) {
      await writeFile(join(folder, name), '#!/bin/sh\nexec /usr/bin/gcc "$@" -Os\n');
      await chmod(join(folder, name), 0o755);
    }
    await chmod(folder, 0o755);
    const other = await startDistccd(`${folder}:${path}`);
    await expect(askCompilers([await startDistccd(), other], toolchain, contextIn(folder))).rejects.toMatchObject({
      code: 'distribute-failed',
      message: expect.stringContaining(other),
      hint: expect.stringContaining('the same version of gcc'),
    });
  });

  test('one that does not answer is refused by name: this computer does not do its work unseen', async () => {
    const context = contextIn(await temporaryFolder());
    await expect(askCompilers(['127.0.0.1:1'], toolchain, context)).rejects.toMatchObject({
      code: 'distribute-failed',
      message: expect.stringMatching(/127\.0\.0\.1:1 did not compile.*refused/is),
    });
  });
});
