import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isSystemError } from '../../../core/errors/errors.ts';

/** Somebody may delete a folder between two steps. */
const TRIES = 3;

/**
 * Makes a folder and those above it. Not by node's `recursive`: where the system refuses a name in a folder that is there, as in /proc or in a folder that was
 * deleted, that tries without end, in a thread that no signal stops (node 20 and 22). Throws the system's error. `mode` is that of each new folder.
 */
export function makeFolders(path: string, mode = 0o777): void {
  for (let tried = 1; ; tried += 1) {
    try {
      makeEach(path, mode);
      return;
    } catch (error) {
      if (!isSystemError(error, 'ENOENT') || tried === TRIES) throw error;
    }
  }
}

function makeEach(path: string, mode: number): void {
  const missing: string[] = [];
  let at = path;
  while (!makeOne(at, mode)) {
    missing.push(at);
    at = dirname(at);
  }
  for (const each of missing.reverse()) if (!makeOne(each, mode)) mkdirSync(each, { mode });
}

/** False where a folder above it is missing. */
function makeOne(path: string, mode: number): boolean {
  try {
    mkdirSync(path, { mode });
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT') && dirname(path) !== path) return false;
    if (!isSystemError(error, 'EEXIST') || !statSync(path).isDirectory()) throw error;
    return true;
  }
}
