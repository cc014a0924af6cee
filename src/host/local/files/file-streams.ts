import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';

/** A file of this computer, piece by piece. */
export function readPieces(path: string): Readable {
  return createReadStream(path);
}

/** Makes a file of this computer from what `fill` writes: whole, or not at all. */
export async function writePieces(path: string, mode: number, fill: (to: Writable) => Promise<void>): Promise<void> {
  const unfinished = `${path}.vmkit-new`;
  await rm(unfinished, { force: true });
  try {
    await fill(createWriteStream(unfinished, { mode, flush: true }));
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}
