import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LONGEST_LINE, lineSplitter, onLines } from '../../src/core/text/lines.ts';

test('however a text is cut into chunks, its lines are the same', () => {
  const text = 'kernel\r\n{"event":"booted"}\r\n\r\näöü → 測試\nend\n';
  const whole = lineSplitter().take(Buffer.from(text));
  expect(whole).toEqual(['kernel', '{"event":"booted"}', '', 'äöü → 測試', 'end']);
  fc.assert(
    fc.property(fc.array(fc.nat(Buffer.byteLength(text)), { maxLength: 10 }), (cuts) => {
      const { take } = lineSplitter();
      const bytes = Buffer.from(text);
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      expect(at.slice(1).flatMap((end, index) => take(bytes.subarray(at[index], end)))).toEqual(whole);
    }),
  );
});

test.each([
  ['x', Buffer.alloc(1024 * 1024, 'x')],
  ['NUL', Buffer.alloc(1024 * 1024)],
  ['no UTF-8', Buffer.alloc(1024 * 1024, 0xff)],
])('a line that never ends is never kept: %s', (_, chunk) => {
  const splitter = lineSplitter();
  for (let count = 0; count < 8; count += 1) {
    const pieces = splitter.take(chunk);
    expect(pieces.length).toBeGreaterThan(10);
    for (const piece of pieces) expect(piece.length).toBe(LONGEST_LINE);
  }
  expect(splitter.rest().length).toBeLessThanOrEqual(LONGEST_LINE);
});

test('the last line counts also when it has no end', async () => {
  const lines: string[] = [];
  const stream = Readable.from([Buffer.from('one\ntw'), Buffer.from('o')]);
  onLines(
    stream,
    (line) => lines.push(line),
    (error) => expect.fail(String(error)),
  );
  await new Promise((resolve) => stream.once('close', resolve));
  expect(lines).toEqual(['one', 'two']);
});
