import type { FileHandle } from 'node:fs/promises';
import { BLOCK_BYTES } from './scripts/job.ts';

/** Blocks that are sent with one header, and written there by one dd. */
const MAX_RUN_BLOCKS = 64;

const ZEROS = Buffer.alloc(BLOCK_BYTES);

/**
 * What PUSH_TAKE reads of a file, from a block on: `SEEK COUNT`, so many whole blocks, and `end`. Blocks of zeros are left out; the last block is filled up with
 * zeros, which the script cuts off. `tell` is told how far it is, and how many bytes of content went.
 */
export async function* fileRuns(
  file: FileHandle,
  fromBlock: number,
  tell: (at: number, sent: number) => void,
): AsyncGenerator<Buffer> {
  let sent = 0;
  for (let at = fromBlock; ; at += MAX_RUN_BLOCKS) {
    const buffer = Buffer.alloc(MAX_RUN_BLOCKS * BLOCK_BYTES);
    const length = await readFull(file, buffer, at * BLOCK_BYTES);
    const blocks = Math.ceil(length / BLOCK_BYTES);
    for (const [start, count] of dataRuns(buffer, blocks)) {
      const content = buffer.subarray(start * BLOCK_BYTES, (start + count) * BLOCK_BYTES);
      yield Buffer.from(`${at + start} ${count}\n`);
      yield content;
      sent += content.length;
    }
    tell(at * BLOCK_BYTES + length, sent);
    if (length < buffer.length) break;
  }
  yield Buffer.from('end\n');
}

/** First block and number of blocks of each stretch that is not zeros. */
function dataRuns(buffer: Buffer, blocks: number): (readonly [start: number, count: number])[] {
  const runs: [number, number][] = [];
  for (let block = 0; block < blocks; block += 1) {
    if (buffer.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES).equals(ZEROS)) continue;
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === block) last[1] += 1;
    else runs.push([block, 1]);
  }
  return runs;
}

/** Fills the buffer as far as the file goes; a single read may give less. */
async function readFull(file: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, position + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}
