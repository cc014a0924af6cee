import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** glibc's shm_open(3) needs it, so every Linux has it. */
const MEMORY = '/dev/shm';

/** A new folder of this computer's memory (tmpfs), 0700, for what holds keys for a moment: none of it gets onto a disk. Whoever asks for it removes it. */
export function memoryFolder(prefix: string): Promise<string> {
  return mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), prefix));
}
