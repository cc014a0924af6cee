import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { sha256 } from '../../src/core/digest.ts';
import { VmkitError } from '../../src/core/errors/errors.ts';
import { debianArgs, debianSource } from '../../src/kernel/sources/debian.ts';
import { kernelOrgSource } from '../../src/kernel/sources/kernel-org.ts';
import type { Publisher } from '../../src/kernel/sources/publisher.ts';
import { resolveSource } from '../../src/kernel/sources/sources.ts';
import { treeVersion } from '../../src/kernel/sources/tree.ts';
import { sourceLockPath } from '../../src/store/fetch/source-lock.ts';
import { contextIn } from '../support/context.ts';
import { serveHttp } from '../support/stand-ins/http-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let folder: string;
let files: Map<string, Uint8Array | string>;
let asked: string[];
let base: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  files = new Map();
  asked = [];
  base = await serveHttp((request, response) => {
    asked.push(request.url ?? '');
    const content = files.get(request.url ?? '');
    if (content === undefined) response.writeHead(404).end();
    else response.end(content);
  });
});

/** A small tarball with the shape of linux-6.12.N.tar.xz. */
async function tarballOf(version: string): Promise<Buffer> {
  const [major, minor, patch] = version.split('.');
  const tree = join(folder, `linux-${version}`);
  await mkdir(tree, { recursive: true });
  await writeFile(
    join(tree, 'Makefile'),
    `VERSION = ${major}\nPATCHLEVEL = ${minor}\nSUBLEVEL = ${patch}\nEXTRAVERSION =\n`,
  );
  await writeFile(join(tree, 'Kconfig'), '');
  const { host } = contextIn(folder);
  const path = join(folder, `${version}.tar.xz`);
  const result = await host.exec(['tar', '-C', folder, '-cJf', path, `linux-${version}`]);
  expect(result).toMatchObject({ exitCode: 0 });
  await rm(tree, { recursive: true });
  return await readFile(path);
}

/** What kernel.org serves: two releases of the series, the first one of another. */
async function publish(...versions: string[]): Promise<void> {
  const sums = [`${'0'.repeat(64)}  linux-6.13.tar.xz`, `${'1'.repeat(64)}  linux-6.12.tar.xz`];
  for (const version of versions) {
    const content = await tarballOf(version);
    files.set(`/v6.x/linux-${version}.tar.xz`, content);
    sums.push(`${sha256(content)}  linux-${version}.tar.xz`);
  }
  files.set(
    '/v6.x/sha256sums.asc',
    `-----BEGIN PGP SIGNED MESSAGE-----\n\n${sums.join('\n')}\n-----BEGIN PGP SIGNATURE-----\n`,
  );
}

const refusing = (name: string): Publisher => ({
  name,
  fetch: async () => {
    throw new Error(`${name} is closed`);
  },
});

test('the newest release of the series is fetched, verified, locked, and unpacked', async () => {
  await publish('6.12.9', '6.12.10');
  const context = contextIn(folder);
  const publishers = [kernelOrgSource('6.12', base)];
  const source = await resolveSource(undefined, context, { publishers });
  expect(source.title).toBe('linux 6.12.10 from kernel.org');
  expect(source.sha256).toBe(sha256(files.get('/v6.x/linux-6.12.10.tar.xz') ?? ''));
  expect(await treeVersion(await source.tree(context))).toBe('6.12.10');
  expect(asked).toEqual(['/v6.x/sha256sums.asc', '/v6.x/linux-6.12.10.tar.xz']);
});

test('a locked source asks nobody, and stays although a newer one is published', async () => {
  await publish('6.12.9');
  const context = contextIn(folder);
  const publishers = [kernelOrgSource('6.12', base)];
  const first = await resolveSource(undefined, context, { publishers });
  await publish('6.12.10');
  asked = [];
  expect((await resolveSource(undefined, context, { publishers })).sha256).toBe(first.sha256);
  expect(asked).toEqual([]);
  const updated = await resolveSource(undefined, context, { publishers, update: true });
  expect(updated.version).toBe('6.12.10');
});

test('the lock outlives the cache: other content under the locked version is refused', async () => {
  await publish('6.12.9');
  const context = contextIn(folder);
  const publishers = [kernelOrgSource('6.12', base)];
  await resolveSource(undefined, context, { publishers });
  await rm(context.paths.cache, { recursive: true });
  const other = await tarballOf('6.12.99');
  files.set('/v6.x/linux-6.12.9.tar.xz', other);
  files.set('/v6.x/sha256sums.asc', `${sha256(other)}  linux-6.12.9.tar.xz\n`);
  const source = await resolveSource(undefined, context, { publishers });
  await expect(source.tree(context)).rejects.toMatchObject({ code: 'checksum-wrong' });
  const left = await readdir(join(context.paths.cache, 'sources'));
  expect(left.filter((name) => !name.endsWith('.lock'))).toEqual([]);
});

test('another tarball than the locked one is refused by name, with the way to accept it', async () => {
  const tarball = join(folder, 'package.tar.xz');
  let version = '6.12.9';
  const packager: Publisher = {
    name: 'debian',
    fetch: async () => {
      const content = await tarballOf(version);
      await writeFile(tarball, content);
      return { version: `${version}-1`, sha256: sha256(content), verified: 'signature', path: tarball };
    },
  };
  const context = contextIn(folder);
  const source = await resolveSource('debian', context, { publishers: [packager] });
  version = '6.12.10';
  await expect(source.tree(context)).rejects.toMatchObject({
    code: 'source-changed',
    message: expect.stringContaining('version 6.12.9-1 is locked, and only 6.12.10-1 can be had'),
    hint: expect.stringContaining(sourceLockPath(context)),
  });
});

test('each refusal is reported, and the next publisher is asked', async () => {
  await publish('6.12.9');
  const context = contextIn(folder);
  const publishers = [refusing('first'), kernelOrgSource('6.12', base)];
  expect((await resolveSource(undefined, context, { publishers })).version).toBe('6.12.9');
  expect(context.progress).toContainEqual({ kind: 'note', text: 'Not from first: first is closed' });
});

test('when all refuse, all are named', async () => {
  const publishers = [refusing('first'), kernelOrgSource('6.12', base)];
  await expect(resolveSource(undefined, contextIn(folder), { publishers })).rejects.toMatchObject({
    code: 'no-kernel-source',
    message: expect.stringMatching(/first: first is closed\nkernel\.org: .*404/),
    hint: expect.stringContaining('--source PATH'),
  });
});

test('a checksum file without the series is refused: no checksum is ever made up', async () => {
  files.set('/v6.x/sha256sums.asc', '<html>Log in to this network</html>');
  const publishers = [kernelOrgSource('6.12', base)];
  await expect(resolveSource('kernel.org', contextIn(folder), { publishers })).rejects.toMatchObject({
    code: 'checksum-missing',
  });
});

test('a local tarball and a local tree; what is no kernel is refused', async () => {
  const context = contextIn(folder);
  const path = join(folder, 'mine.tar.xz');
  await writeFile(path, await tarballOf('6.12.7'));
  const tarball = await resolveSource(path, context);
  const tree = await tarball.tree(context);
  expect(await treeVersion(tree)).toBe('6.12.7');

  const local = await resolveSource(tree, context);
  expect(local.title).toContain('linux 6.12.7 from');
  await writeFile(join(tree, 'new.c'), 'int x;');
  expect((await resolveSource(tree, context)).sha256).not.toBe(local.sha256);
  await writeFile(join(tree, '.config'), '');
  await expect(resolveSource(tree, context)).rejects.toMatchObject({ code: 'tree-not-clean' });

  await expect(resolveSource(folder, context)).rejects.toMatchObject({ code: 'not-a-kernel-tree' });
  await expect(resolveSource(join(folder, 'absent'), context)).rejects.toMatchObject({ code: 'source-missing' });
  const text = join(folder, 'text');
  await writeFile(text, 'no tarball');
  const broken = await resolveSource(text, context);
  await expect(broken.tree(context)).rejects.toMatchObject({ code: 'unpack-failed' });
});

test('a damaged lock file is named, and nothing is locked anew in silence', async () => {
  await publish('6.12.9');
  const context = contextIn(folder);
  await context.host.write(sourceLockPath(context), '{"sources":');
  await expect(resolveSource(undefined, context)).rejects.toMatchObject({ code: 'source-lock-damaged' });
});

test("Debian's package is unpacked, nothing of it runs, and the path of the cache may hold a space", () => {
  expect(debianArgs('linux-source-6.12', '/x y')).toEqual([
    '--variant=extract',
    '--include=linux-source-6.12',
    '--extract-hook=copy-out /usr/src/linux-source-6.12.tar.xz /usr/share/doc/linux-source-6.12/changelog.Debian.gz "/x y"',
    '--format=null',
  ]);
});

test('what Debian gave before is taken from the cache, unless an update is asked for', async () => {
  const context = contextIn(folder);
  const content = await tarballOf('6.12.9');
  const downloads = join(context.paths.cache, 'downloads/debian-linux-source-6.12');
  const seen = { version: '6.12.9-1', sha256: sha256(content), verified: 'signature' };
  await context.host.write(join(downloads, `${seen.sha256}.tar.xz`), content);
  await context.host.write(join(downloads, 'newest.json'), JSON.stringify(seen));
  const publishers = [debianSource('6.12')];
  expect(await resolveSource('debian', context, { publishers })).toMatchObject(seen);
  const offline = {
    ...context,
    host: { ...context.host, exec: async () => ({ exitCode: 1, stdout: '', stderr: '' }) },
  };
  await expect(resolveSource('debian', offline, { publishers, update: true })).rejects.toBeInstanceOf(VmkitError);
});
