import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, type Json, sha256 } from '../../src/core/digest.ts';

test('the order of keys does not matter, at any depth; the order of a list does', () => {
  expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
});

test('is JSON of the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (raw) => {
      const value = asJson(raw);
      expect(JSON.parse(canonicalJson(value))).toEqual(value);
    }),
  );
});

test('a text and its UTF-8 bytes have one digest', () => {
  expect(sha256('ä')).toBe(sha256(new TextEncoder().encode('ä')));
  expect(sha256('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});

function asJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}
