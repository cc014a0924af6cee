import { open, rm } from 'node:fs/promises';
import { isSystemError } from '../core/errors.ts';

/** Overwrites a file with zeros, on the disk too, and deletes it. Whoever has it open reads zeros. No file is no error. */
export async function zeroAndDelete(path: string): Promise<void> {
  try {
    const file = await open(path, 'r+');
    try {
      const { size } = await file.stat();
      await file.write(Buffer.alloc(size), 0, size, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
  await rm(path, { force: true });
}
