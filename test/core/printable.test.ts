import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printable, printableJson, printableLine } from '../../src/core/text/printable.ts';

/** Any string of code units, lone halves of surrogate pairs included, rich in what does harm. */
const hostile = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
      fc.constantFrom(
        '\u001b]52;c;aGk=\u0007',
        '\u001b[2J',
        '\u009b2J',
        '\u202e',
        '\u2028',
        '\r',
        '\n',
        '\t',
        'ä',
        '測',
        '😀',
      ),
      fc.constant('x'.repeat(5_000)),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

const OBEYED = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

test('whatever comes in, nothing that a terminal obeys comes out, and no endless line', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const shown = printable(text);
      expect(shown).not.toMatch(OBEYED);
      for (const line of shown.split('\n')) expect(line.length).toBeLessThanOrEqual(4_000);
      expect(printable(shown) === shown).toBe(true);
      expect(printableLine(text)).not.toMatch(/[\n\t]/);
    }),
  );
});

test('text of people stays as it is', () => {
  const text = 'Grüße → 測試 😀\n\tindented\nĀ e\u0301 שלום\n';
  expect(printable(text)).toBe(text);
});

test.each([
  ['a title', '\u001b]0;owned\u0007', '\\x1b]0;owned\\x07'],
  ['a cleared screen by one byte of C1', '\u009b2J', '\\x9b2J'],
  ['an overwritten line', 'failed\rready', 'failed\\x0dready'],
  ['the end of a line of a serial console', 'one\r\ntwo\r\r\n', 'one\ntwo\n'],
  ['a reversed text', 'a\u202eb', 'a\\u202eb'],
  ['half a pair', 'a\ud83d', 'a\\ud83d'],
  ['an invisible tag', '\u{e0041}', '\\u{e0041}'],
])('%s is shown, not obeyed', (_, text, shown) => expect(printable(text)).toBe(shown));

test('JSON carries the same value, and nothing that a terminal obeys', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const json = printableJson({ text }, 2);
      expect(json).not.toMatch(OBEYED);
      expect(JSON.parse(json)).toEqual({ text });
    }),
  );
});
