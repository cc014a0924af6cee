import { availableParallelism, machine } from 'node:os';
import { type Host, LONGEST_FILE } from './host.ts';
import { runProcess } from './process.ts';
import { readWhole } from './read-whole.ts';
import { writeWhole } from './write-whole.ts';

/** This machine. */
export function localHost(): Host {
  return {
    name: 'this machine',
    facts: async () => ({ machine: machine(), cpus: availableParallelism(), isRoot: process.getuid?.() === 0 }),
    exec: runProcess,
    read: (path, maxBytes = LONGEST_FILE) => readWhole(path, maxBytes),
    write: writeWhole,
  };
}
