import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The folders of a $PATH, and those of administrators' programs, which many systems leave out of a user's PATH. */
export function searchPath(path: string): readonly string[] {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return [...new Set([...folders, '/usr/local/sbin', '/usr/sbin', '/sbin'])];
}

/** Whether a program is in one of these folders. */
export function isProgram(name: string, folders: readonly string[]): boolean {
  return findProgram(name, folders) !== undefined;
}

/** The file that a name stands for: the first executable of that name in these folders. */
export function findProgram(name: string, folders: readonly string[]): string | undefined {
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return false;
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
