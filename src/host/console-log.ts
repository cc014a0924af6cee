import { type FileHandle, open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { isSystemError } from '../core/errors.ts';

/** A line that never ends is given out in pieces. */
const MAX_LINE = 1024 * 1024;

/** Cuts a stream of bytes into lines, however it was split: `\n` or `\r\n`; a character over two chunks stays whole. */
export function lineSplitter(): (chunk: Uint8Array) => string[] {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return (chunk) => {
    const lines = (rest + decoder.write(Buffer.from(chunk))).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) {
      lines.push(rest);
      rest = '';
    }
    return lines.map((line) => line.replace(/\r+$/, ''));
  };
}

/** A file that another process appends to, read from its start. */
export interface LogReader {
  /** The whole lines that came since the last call; none while the file does not exist. */
  readonly read: () => Promise<string[]>;
  readonly close: () => Promise<void>;
}

export function logReader(path: string): LogReader {
  const split = lineSplitter();
  let file: FileHandle | undefined;
  let offset = 0;
  return {
    read: async () => {
      file ??= await open(path, 'r').catch(absent);
      const lines: string[] = [];
      if (file === undefined) return lines;
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, offset);
        if (bytesRead === 0) return lines;
        offset += bytesRead;
        lines.push(...split(buffer.subarray(0, bytesRead)));
      }
    },
    close: async () => file?.close(),
  };
}

function absent(error: unknown): undefined {
  if (isSystemError(error, 'ENOENT')) return undefined;
  throw error;
}
