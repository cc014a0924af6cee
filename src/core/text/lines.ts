import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** In characters. A line that is longer is given out in pieces: whoever writes it may never end it. */
export const LONGEST_LINE = 64 * 1024;

export interface LineSplitter {
  /** The lines that these bytes end, without their ends (`\n` or `\r\n`). */
  readonly take: (chunk: Uint8Array) => string[];
  /** What came after the last end of a line. */
  readonly rest: () => string;
}

/** Cuts a stream of bytes into lines, however it was split; a character over two chunks stays whole. Keeps one line at most. */
export function lineSplitter(): LineSplitter {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return {
    take: (chunk) => {
      const lines = (rest + decoder.write(Buffer.from(chunk))).split('\n').flatMap(pieces);
      rest = lines.pop() ?? '';
      return lines.map((line) => line.replace(/\r+$/, ''));
    },
    rest: () => rest + decoder.end(),
  };
}

function pieces(line: string): string[] {
  if (line.length <= LONGEST_LINE) return [line];
  const count = Math.ceil(line.length / LONGEST_LINE);
  return Array.from({ length: count }, (_, at) => line.slice(at * LONGEST_LINE, (at + 1) * LONGEST_LINE));
}

/** Calls `onLine` for each line of a stream; for the last one also when it has no end. */
export function onLines(stream: Readable, onLine: (line: string) => void, onError: (error: unknown) => void): void {
  const splitter = lineSplitter();
  const emit = (lines: readonly string[]): void => {
    try {
      for (const line of lines) onLine(line);
    } catch (error) {
      onError(error);
    }
  };
  stream.on('data', (chunk: Buffer) => emit(splitter.take(chunk)));
  stream.once('end', () => {
    const last = splitter.rest();
    if (last !== '') emit([last]);
  });
}
