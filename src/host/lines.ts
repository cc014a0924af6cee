import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Calls `onLine` for each line of a stream, without its end (`\n` or `\r\n`); the last one also when it has no end. */
export function onLines(stream: Readable, onLine: (line: string) => void, onError: (error: unknown) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const emit = (lines: readonly string[]): void => {
    try {
      for (const line of lines) onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    } catch (error) {
      onError(error);
    }
  };
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    emit(lines);
  });
  stream.once('end', () => {
    const last = rest + decoder.end();
    if (last !== '') emit([last]);
  });
}
