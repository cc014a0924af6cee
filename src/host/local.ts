import { readFile } from 'node:fs/promises';
import { availableParallelism, machine } from 'node:os';
import { isSystemError } from '../core/errors.ts';
import type { Host } from './host.ts';
import { runProcess } from './process.ts';
import { writeWhole } from './write-whole.ts';

/** This machine. */
export function localHost(): Host {
  return {
    name: 'this machine',
    facts: async () => ({ machine: machine(), cpus: availableParallelism(), isRoot: process.getuid?.() === 0 }),
    exec: runProcess,
    read,
    write: writeWhole,
  };
}

async function read(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}
