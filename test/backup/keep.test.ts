import { expect, test } from 'vitest';
import { parseKeep } from '../../src/backup/keep.ts';

test('numbers of hours, days, weeks, months and years', () => {
  expect(parseKeep('7d4w12m').join(' ')).toBe('--keep-daily 7 --keep-weekly 4 --keep-monthly 12');
  expect(parseKeep('24h10y').join(' ')).toBe('--keep-hourly 24 --keep-yearly 10');
});

test.each(['', '7', 'd', '7d4', '0d', '7d 4w', '7d4d', '7x', '-7d', '7d;rm'])('%j is refused', (text) => {
  expect(() => parseKeep(text)).toThrow(expect.objectContaining({ code: 'bad-usage' }));
});
