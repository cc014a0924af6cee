import { type FileHandle, open, stat } from 'node:fs/promises';
import { isSystemError } from '../../core/errors/errors.ts';
import { lineSplitter } from '../../core/text/lines.ts';
import type { LogReader } from '../host.ts';

const CHUNK = 64 * 1024;
/** What one call reads at most, in bytes: more than any log holds, so that a writer who never stops does not keep its reader from the clock. */
const LONGEST_READ = 16 * 1024 * 1024;

/** `Host.log` of this machine. The file that is read stays open, so that what is said just before a change of files is not lost. */
export function logReader(path: string): LogReader {
  const splitter = lineSplitter();
  const chunk = Buffer.alloc(CHUNK);
  let file: FileHandle | undefined;
  let offset = 0;

  async function* appended(budget: { bytes: number }): AsyncGenerator<string, void> {
    while (file !== undefined && budget.bytes > 0) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK, offset);
      if (bytesRead === 0) return;
      offset += bytesRead;
      budget.bytes -= bytesRead;
      yield* splitter.take(chunk.subarray(0, bytesRead));
    }
  }

  async function* lines(): AsyncGenerator<string, void> {
    const budget = { bytes: LONGEST_READ };
    file ??= (await openLog(`${path}.1`)) ?? (await openLog(path));
    while (file !== undefined) {
      yield* appended(budget);
      const after = await pathAfter(file, path);
      if (after === undefined) return;
      // What came between the last read and the change of files.
      yield* appended(budget);
      const next = budget.bytes > 0 ? await openLog(after) : undefined;
      if (next === undefined) return;
      await file.close();
      file = next;
      offset = 0;
    }
  }
  return { lines, close: async () => file?.close() };
}

/** Where the file is that was begun after this one; undefined while this one is the newest. */
async function pathAfter(file: FileHandle, path: string): Promise<string | undefined> {
  const [its, newest, former] = await Promise.all([file.stat(), inodeOf(path), inodeOf(`${path}.1`)]);
  if (newest === undefined || newest === its.ino) return undefined;
  return former === undefined || former === its.ino ? path : `${path}.1`;
}

async function inodeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(absent))?.ino;
}

function openLog(path: string): Promise<FileHandle | undefined> {
  return open(path, 'r').catch(absent);
}

function absent(error: unknown): undefined {
  if (isSystemError(error, 'ENOENT')) return undefined;
  throw error;
}
