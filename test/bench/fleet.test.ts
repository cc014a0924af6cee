import { expect, test } from 'vitest';
import { simulateFleet } from '../../bench/fleet.ts';

test('a host pulls a blob once, however many of its machines have it', () => {
  const one = {
    name: 'one',
    blobs: new Map([
      ['kernel', 100],
      ['root', 50],
      ['a', 1],
    ]),
  };
  const two = {
    name: 'two',
    blobs: new Map([
      ['kernel', 100],
      ['b', 2],
    ]),
  };
  expect(simulateFleet([one, two], 8, 2)).toEqual({
    pulled: 306,
    whole: 4 * 151 + 4 * 102,
    largestHost: 153,
    kept: 153,
  });
});
