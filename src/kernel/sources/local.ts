import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { sha256 } from '../../core/digest.ts';
import { isSystemError, VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import { sha256OfFile } from '../../store/fetch/sha256-of-file.ts';
import type { KernelSource } from './publisher.ts';
import { treeVersion, unpackedTree } from './tree.ts';

/** A tree or a tarball of the user's own. It may change at any time, so it is never locked: its digest is taken each time. */
export async function localSource(path: string, context: Context): Promise<KernelSource> {
  const absolute = resolve(path);
  const found = await stat(absolute).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return undefined;
    throw error;
  });
  if (found === undefined) {
    throw new VmkitError('usage', 'source-missing', `There is no kernel source at ${absolute}.`, {
      hint: '--source takes kernel.org, debian, or the path of a tree or tarball.',
    });
  }
  return found.isDirectory() ? await localTree(absolute) : await localTarball(absolute, context);
}

async function localTarball(path: string, context: Context): Promise<KernelSource> {
  context.report({ kind: 'phase', text: `hashes ${path}` });
  const digest = await sha256OfFile(path);
  return {
    title: `linux from ${path}`,
    version: 'local',
    sha256: digest,
    verified: 'nothing: a file of yours',
    tree: (later) => unpackedTree(digest, later, async () => path),
  };
}

async function localTree(tree: string): Promise<KernelSource> {
  const version = await treeVersion(tree);
  // What the top makefile's outputmakefile refuses, found before anything is started.
  if (existsSync(join(tree, '.config')) || existsSync(join(tree, 'include/config'))) {
    throw new VmkitError('build', 'tree-not-clean', `${tree} holds objects of an earlier build.`, {
      hint: `Save its .config if you want it, then: make -C ${tree} mrproper`,
    });
  }
  return {
    title: `linux ${version} from ${tree}`,
    version,
    sha256: await digestOfTree(tree),
    verified: 'nothing: a tree of yours, known by the names, sizes and times of its files',
    tree: async () => tree,
  };
}

/** By the names, sizes, times and modes of its files. */
export async function digestOfTree(tree: string): Promise<string> {
  const lines: string[] = [tree];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(tree, folder), { withFileTypes: true });
    await Promise.all(
      entries.map(async (entry) => {
        const path = join(folder, entry.name);
        if (folder === '' && entry.name === '.git') return;
        if (entry.isDirectory()) return await visit(path);
        if (!entry.isFile()) return;
        const { size, mtimeMs, mode } = await stat(join(tree, path));
        lines.push(`${path} ${size} ${mtimeMs} ${mode}`);
      }),
    );
  };
  await visit('');
  return sha256(lines.sort().join('\n'));
}
