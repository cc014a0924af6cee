import { existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import { makeFolders } from '../../host/local/files/make-folders.ts';
import { explainWriteError } from '../../host/local/files/write-error.ts';
import { requireOurs } from '../../host/local/ours.ts';
import { withLock } from '../../host/with-lock.ts';

/**
 * The unpacked tree of the tarball with this digest, from the cache, or unpacked now: 1.5 GB, under half a minute. Whole or absent:
 * it is unpacked beside its place and renamed. Not in the store, which would hash its 90,000 files; the tarball's digest vouches for them.
 */
export async function unpackedTree(sha256: string, context: Context, tarball: () => Promise<string>): Promise<string> {
  const folder = join(context.paths.cache, 'sources');
  const tree = join(folder, `linux-${sha256.slice(0, 16)}`);
  await requireOurs(tree);
  if (existsSync(tree)) return tree;
  try {
    return await withLock(`${tree}.lock`, 'the unpacking of a kernel source', context, async () => {
      if (existsSync(tree)) return tree;
      const unpacking = `${tree}.unpacking`;
      await rm(unpacking, { recursive: true, force: true });
      makeFolders(unpacking);
      try {
        const path = await tarball();
        context.report({ kind: 'phase', text: 'unpacks the kernel source' });
        await unpack(path, unpacking, context);
        await rename(unpacking, tree);
      } finally {
        await rm(unpacking, { recursive: true, force: true });
      }
      return tree;
    });
  } catch (error) {
    throw await explainWriteError(error, 'Unpacking a kernel source', folder, `Make room; ${folder} may be deleted.`);
  }
}

async function unpack(tarball: string, folder: string, context: Context): Promise<void> {
  const result = await context.host.exec(
    ['tar', '--extract', `--file=${tarball}`, `--directory=${folder}`, '--strip-components=1', '--no-same-owner'],
    // xz(1): as many threads as there are processors, where the tarball was made in blocks.
    { env: { XZ_DEFAULTS: '--threads=0' }, withinMs: 1_800_000, signal: context.signal },
  );
  if (result.exitCode !== 0) {
    throw new VmkitError(
      'build',
      'unpack-failed',
      `tar could not unpack ${tarball}.\n${result.stderr.trimEnd().slice(-1000)}`,
      {
        hint: 'The tarball may be cut off. Delete it, and vmkit downloads it again.',
      },
    );
  }
  await treeVersion(folder);
}

/** `6.12.48`, from the top makefile. Throws `not-a-kernel-tree` for another folder. */
export async function treeVersion(tree: string): Promise<string> {
  const makefile = await readFile(join(tree, 'Makefile'), 'utf8').catch(() => '');
  const [version, patchlevel, sublevel, extra] = ['VERSION', 'PATCHLEVEL', 'SUBLEVEL', 'EXTRAVERSION'].map(
    (name) => new RegExp(`^${name} =[ \\t]*(.*)$`, 'm').exec(makefile)?.[1]?.trim() ?? '',
  );
  if (!version || !patchlevel || !existsSync(join(tree, 'Kconfig'))) {
    throw new VmkitError('build', 'not-a-kernel-tree', `${tree} is not a Linux source tree.`, {
      hint: 'Its Makefile and Kconfig are expected at the top.',
    });
  }
  return [version, patchlevel, sublevel].filter(Boolean).join('.') + extra;
}
