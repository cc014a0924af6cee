import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { packageRoot } from '../../core/package-root.ts';
import { nearest } from '../../core/text/nearest.ts';
import type { Host } from '../../host/host.ts';

const FILE = 'vm.yaml';

/** Where names are looked up: the project's own definitions, then those that ship. */
function definitionFolders(cwd: string): string[] {
  return [...new Set([join(cwd, 'vm'), join(packageRoot(), 'vm')])];
}

export interface DefinitionFile {
  readonly path: string;
  readonly text: string;
  /** The folder's name, where the definition was found by it. */
  readonly expectedName: string | undefined;
}

/** The file of a definition: `miniflux` is looked up in vm/, `./my/vm` and `./my/vm/vm.yaml` are taken as they are. */
export async function findDefinition(nameOrPath: string, host: Host, cwd: string): Promise<DefinitionFile> {
  const isPath = /[/\\]|^\.\.?$|\.ya?ml$/.test(nameOrPath);
  const isFile = /\.ya?ml$/.test(nameOrPath);
  const paths = isPath
    ? [resolve(cwd, nameOrPath, isFile ? '' : FILE)]
    : definitionFolders(cwd).map((folder) => join(folder, nameOrPath, FILE));
  for (const path of paths) {
    const bytes = await host.read(path);
    if (bytes === undefined) continue;
    const expectedName = isPath ? undefined : basename(dirname(path));
    return { path, text: new TextDecoder().decode(bytes), expectedName };
  }
  throw await notFound(nameOrPath, paths, cwd);
}

/** Names of all definitions that a name can be looked up in. */
export async function definitionNames(cwd: string): Promise<string[]> {
  const lists = await Promise.all(definitionFolders(cwd).map(foldersIn));
  return [...new Set(lists.flat())].sort();
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function notFound(nameOrPath: string, paths: readonly string[], cwd: string): Promise<VmkitError> {
  const names = await definitionNames(cwd);
  const meant = nearest(nameOrPath, names);
  const hint =
    meant === undefined ? `Definitions that can be named: ${names.join(', ') || 'none'}.` : `Did you mean ${meant}?`;
  return new VmkitError(
    'spec',
    'definition-missing',
    `There is no definition ${nameOrPath}: looked for ${paths.join(' and ')}.`,
    { hint },
  );
}
