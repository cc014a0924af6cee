import { expect, test } from 'vitest';
import { nearest } from '../../src/core/text/nearest.ts';

test.each([
  ['bot', ['boot', 'stop'], 'boot'],
  ['satus', ['status', 'stop'], 'status'],
  ['stauts', ['status', 'stop'], 'status'],
  ['BOOT', ['boot'], 'boot'],
  ['x', ['rm', 'ls'], undefined],
  ['frobnicate', ['boot', 'build-image'], undefined],
  ['', ['boot'], undefined],
  ['web', [], undefined],
])('%s among %j is most likely %s', (word, candidates, meant) => {
  expect(nearest(word, candidates)).toBe(meant);
});
