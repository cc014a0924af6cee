import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { sha256 } from '../../src/core/digest.ts';
import { VmkitError } from '../../src/core/errors/errors.ts';
import { runProcess } from '../../src/host/local/process/process.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { digestOutputs, readManifest } from '../../src/store/manifest.ts';
import { artifactKey, ensureArtifact, findArtifact } from '../../src/store/store.ts';
import { contextIn } from '../support/context.ts';
import { sampleArtifact } from '../support/services/store-builder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const KILLS = 32;
const builder = join('node_modules/.cache/vmkit-test', `${process.pid}`, 'store-builder.mjs');

beforeAll(async () => {
  await build({
    entryPoints: ['test/support/services/store-builder.ts'],
    outfile: builder,
    bundle: true,
    format: 'esm',
    platform: 'node',
    // As in scripts/build.mjs: execa's own dependencies are CommonJS.
    banner: {
      js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
    },
  });
  return () => rm(join(builder, '..'), { recursive: true });
});

const greeting = (text: string, recipe = 1): Artifact => ({
  kind: 'greeting',
  title: 'a greeting',
  inputs: { recipe },
  build: async (directory) => {
    await mkdir(join(directory, 'deep'));
    await writeFile(join(directory, 'deep/file'), text);
    return { tool: 'test' };
  },
});

test('an artifact is built once; its manifest tells inputs, facts, sizes and digests', async () => {
  const context = contextIn(await temporaryFolder());
  expect(await findArtifact(greeting('hello'), context)).toBeUndefined();
  const built = await ensureArtifact(greeting('hello'), context);
  expect(built).toMatchObject({ cached: false, key: artifactKey(greeting('hello')) });
  expect(built.manifest).toMatchObject({
    kind: 'greeting',
    inputs: { recipe: 1 },
    facts: { tool: 'test' },
    outputs: { 'deep/file': { bytes: 5, sha256: sha256('hello') } },
  });
  const again = await ensureArtifact(greeting('never built'), context);
  expect(again).toEqual({ ...built, cached: true });
  expect((await stat(built.directory)).mode & 0o777).toBe(0o755);
});

test('the key depends on the kind and the inputs, not on the title', async () => {
  const sample = greeting('x');
  expect(artifactKey({ ...sample, title: 'other' })).toBe(artifactKey(sample));
  expect(artifactKey({ ...sample, kind: 'other' })).not.toBe(artifactKey(sample));
  expect(artifactKey(greeting('x', 2))).not.toBe(artifactKey(sample));
  expect(artifactKey(sample)).toMatch(/^[0-9a-f]{32}$/);
});

test.each([
  ['is no JSON', async (folder: string) => writeFile(join(folder, 'manifest.json'), '{"kind":')],
  ['lacks fields', async (folder: string) => writeFile(join(folder, 'manifest.json'), '{"kind":"greeting"}')],
  ['is gone', async (folder: string) => rm(join(folder, 'manifest.json'))],
  ['names a file that is gone', async (folder: string) => rm(join(folder, 'deep'), { recursive: true })],
  ['names a file that was cut', async (folder: string) => truncate(join(folder, 'deep/file'), 1)],
])('a folder whose manifest %s is built again', async (_what, damage) => {
  const context = contextIn(await temporaryFolder());
  const { directory } = await ensureArtifact(greeting('hello'), context);
  await damage(directory);
  expect(await findArtifact(greeting('hello'), context)).toBeUndefined();
  expect(await ensureArtifact(greeting('hello'), context)).toMatchObject({ cached: false, directory });
  expect(await readFile(join(directory, 'deep/file'), 'utf8')).toBe('hello');
  expect(context.progress).toContainEqual({ kind: 'note', text: expect.stringContaining('damaged') });
  expect(await leftovers(context.paths.cache)).toEqual([]);
});

test('a manifest that was copied from another artifact is not this one', async () => {
  const context = contextIn(await temporaryFolder());
  const one = await ensureArtifact(greeting('one', 1), context);
  const two = await ensureArtifact(greeting('two', 2), context);
  await writeFile(join(two.directory, 'manifest.json'), await readFile(join(one.directory, 'manifest.json')));
  expect(await findArtifact(greeting('two', 2), context)).toBeUndefined();
});

test('a build that fails leaves nothing, and its error comes out as it is', async () => {
  const context = contextIn(await temporaryFolder());
  const failure = new VmkitError('build', 'kernel-build-failed', 'no');
  const broken: Artifact = {
    ...greeting('x'),
    build: async (directory) => {
      await writeFile(join(directory, 'half'), 'x');
      throw failure;
    },
  };
  await expect(ensureArtifact(broken, context)).rejects.toBe(failure);
  expect(await leftovers(context.paths.cache)).toEqual([]);
});

test('an output that is no file is refused: its content would not be in the digests', async () => {
  const context = contextIn(await temporaryFolder());
  const linked: Artifact = {
    ...greeting('x'),
    build: async (directory) => {
      await symlink('/etc/hostname', join(directory, 'link'));
      return null;
    },
  };
  await expect(ensureArtifact(linked, context)).rejects.toThrow('link');
  expect(await findArtifact(linked, context)).toBeUndefined();
});

test('builders of one key wait for each other, in one process and in many', async () => {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  const results = await Promise.all([
    runProcess(['node', builder, folder]),
    runProcess(['node', builder, folder]),
    ensureArtifact(sampleArtifact(folder), context),
    ensureArtifact(sampleArtifact(folder), context),
  ]);
  expect((await readFile(join(folder, 'builds'), 'utf8')).trim().split('\n')).toHaveLength(1);
  expect(results.slice(0, 2).map((result) => 'exitCode' in result && result.exitCode)).toEqual([0, 0]);
});

test(`killed ${KILLS} times at moments spread over the build: whole or absent, and nothing left behind`, {
  timeout: 300_000,
}, async () => {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  // As long as one build takes here, and more, so that some kills come after the rename.
  const started = performance.now();
  const { directory } = await ensureArtifact(sampleArtifact(folder), context);
  const span = (performance.now() - started) * 1.5;
  let absent = 0;
  for (let n = 0; n < KILLS; n++) {
    await rm(directory, { recursive: true, force: true });
    await killDuringBuild(folder, span * Math.random());
    if ((await findArtifact(sampleArtifact(folder), context)) === undefined) absent++;
    else await expectWhole(directory);
  }
  expect(absent).toBeGreaterThan(0);
  await ensureArtifact(sampleArtifact(folder), context);
  await expectWhole(directory);
  expect(await leftovers(context.paths.cache)).toEqual([]);
});

test('the folder of a dead builder of another artifact is removed, that of a living one is not', async () => {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  await mkdir(join(context.paths.cache, 'store/.building-kernel-0123.abcdef'), { recursive: true });
  const other: Artifact = {
    ...greeting('other', 2),
    build: async (directory) => {
      await ensureArtifact(greeting('inner', 3), context);
      await writeFile(join(directory, 'still-there'), 'x');
      return null;
    },
  };
  expect((await ensureArtifact(other, context)).manifest.outputs).toHaveProperty(['still-there']);
  expect(await leftovers(context.paths.cache)).toEqual([]);
});

test('a full disk is named, with the folder and the space left, and leaves nothing', async (test) => {
  const folder = await temporaryFolder();
  if (!(await mountTmpfs(folder))) test.skip('needs root: a small tmpfs cannot be mounted here');
  const context = contextIn(folder);
  const large: Artifact = {
    ...greeting('x'),
    build: async (directory) => {
      await writeFile(join(directory, 'large'), new Uint8Array(16 * 1024 * 1024));
      return null;
    },
  };
  await expect(ensureArtifact(large, context)).rejects.toMatchObject({
    code: 'disk-full',
    exitCode: 3,
    message: expect.stringContaining(context.paths.cache),
    hint: expect.stringContaining('XDG_CACHE_HOME'),
    details: { folder: context.paths.cache, bytesLeft: expect.any(Number) },
  });
  expect(await leftovers(context.paths.cache)).toEqual([]);
  await ensureArtifact(greeting('small'), context);
  // A tool that only says "exit code 1": the disk is asked.
  const tool: Artifact = {
    ...greeting('y', 2),
    build: async (directory) => {
      await runProcess(['sh', '-c', 'cat /dev/zero > "$0/zeros"', directory]);
      throw new VmkitError('build', 'mksquashfs-failed', 'mksquashfs ended with exit code 1');
    },
  };
  await expect(ensureArtifact(tool, context)).rejects.toMatchObject({
    code: 'disk-full',
    message: expect.stringContaining('mksquashfs'),
  });
});

/** Starts the builder and kills it this many milliseconds after its build began, or lets it end when it is faster. */
async function killDuringBuild(folder: string, afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [builder, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await sleep(afterMs);
  child.kill('SIGKILL');
  await ended;
}

/** Hashes every output again. */
async function expectWhole(directory: string): Promise<void> {
  const manifest = await readManifest(directory);
  expect(Object.keys(manifest?.outputs ?? {})).toHaveLength(8);
  expect(await digestOutputs(directory)).toEqual({ ...manifest?.outputs, 'manifest.json': expect.anything() });
}

async function leftovers(cache: string): Promise<readonly string[]> {
  return (await readdir(join(cache, 'store'))).filter((name) => name.startsWith('.'));
}

async function mountTmpfs(folder: string): Promise<boolean> {
  const mount = await runProcess(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]).catch(() => undefined);
  if (mount?.exitCode !== 0) return false;
  onTestFinished(async () => void (await runProcess(['umount', folder])));
  return true;
}
