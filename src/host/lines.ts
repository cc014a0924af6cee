import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Cuts bytes into lines, however they were split, without their end (`\n` or `\r\n`). `end` gives the last one, where it has no end. */
export function lineCutter(): { take(chunk: Uint8Array): string[]; end(): string[] } {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return {
    take: (chunk) => {
      const lines = (rest + decoder.write(Buffer.from(chunk))).split('\n');
      rest = lines.pop() ?? '';
      return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
    },
    end: () => {
      const last = rest + decoder.end();
      return last === '' ? [] : [last.endsWith('\r') ? last.slice(0, -1) : last];
    },
  };
}

/** Calls `onLine` for each line of a stream; the last one also when it has no end. */
export function onLines(stream: Readable, onLine: (line: string) => void, onError: (error: unknown) => void): void {
  const cutter = lineCutter();
  const emit = (lines: readonly string[]): void => {
    try {
      lines.forEach((line) => void onLine(line));
    } catch (error) {
      onError(error);
    }
  };
  stream.on('data', (chunk: Buffer) => emit(cutter.take(chunk)));
  stream.once('end', () => emit(cutter.end()));
}
