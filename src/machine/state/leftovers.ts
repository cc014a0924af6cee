import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../../core/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';

/** What writeWhole calls a file that is not whole yet. */
const TEMPORARY = /\.[0-9a-f]{12}\.tmp$/;

/**
 * Deletes what a killed vmkit left of a machine: half-written files, which may hold a secret or a key, and the disk of secrets that
 * earlier versions wrote. Only who holds the machine's lock may call it.
 */
export async function removeLeftovers({ stateDir, dataDir, secretsDir }: MachinePaths): Promise<void> {
  const found = [
    ...(await filesIn(stateDir, false)),
    ...(await filesIn(dataDir, false)),
    ...(await filesIn(secretsDir, true)),
  ].filter((path) => TEMPORARY.test(path));
  for (const path of [...found, join(stateDir, 'secrets.img')]) await rm(path, { force: true });
}

async function filesIn(folder: string, recursive: boolean): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}
