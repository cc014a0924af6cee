import { readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { VmkitError } from '../core/errors/errors.ts';
import { makeFolders } from '../host/local/files/make-folders.ts';

/**
 * A folder that stands for the source tree: a link to each of its top entries, and `obj` for what is built. The source stays untouched,
 * and because O= is right below the tree, kbuild calls it `..` in every command (`srctree` in the top makefile): no absolute path
 * gets into an object, and ccache finds the objects of a build in another folder.
 */
export async function standInTree(tree: string, folder: string): Promise<void> {
  // The top makefile refuses both (`source directory cannot contain spaces or colons`); a part of make's syntax.
  if (/[\s:#$%]/.test(folder)) {
    throw new VmkitError('host', 'cache-path-unusable', `make cannot work in ${folder}.`, {
      hint: 'Set XDG_CACHE_HOME to a path without spaces, colons and the characters # $ %.',
    });
  }
  makeFolders(join(folder, 'obj'));
  // Dot files are git's and editors' only.
  const entries = (await readdir(tree)).filter((name) => !name.startsWith('.') && name !== 'obj');
  await Promise.all(entries.map((name) => symlink(join(tree, name), join(folder, name))));
}
