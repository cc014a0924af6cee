import { expect, test } from 'vitest';
import { redact } from '../../src/core/redact.ts';

test('every occurrence goes, special characters are plain text', () => {
  expect(redact('a s3cr.t$& b s3cr.t$&', ['s3cr.t$&'])).toBe('a [redacted] b [redacted]');
});

test('a secret that holds another one goes whole', () => {
  expect(redact('key=abcdefgh', ['abcd', 'abcdefgh'])).toBe('key=[redacted]');
});

test('very short ones stay: they would hide the text', () => {
  expect(redact('a1b', ['1', ''])).toBe('a1b');
});
