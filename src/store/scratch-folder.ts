import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Runs `work` with an empty folder inside an artifact that is being built, and removes it. A killed build's goes with its artifact. */
export async function withScratchFolder<T>(directory: string, work: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = join(directory, 'scratch');
  await mkdir(scratch);
  try {
    return await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
