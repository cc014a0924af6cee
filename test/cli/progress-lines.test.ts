import { expect, test } from 'vitest';
import { countText, durationText, plainReport } from '../../src/cli/show/progress-lines.ts';

test('counts have their unit', () => {
  expect(countText({ kind: 'count', done: 412, total: 1868, unit: 'objects' })).toBe('412 of 1868 objects');
  expect(countText({ kind: 'count', done: 13_000_000, total: 50_331_648, unit: 'bytes' })).toBe('12.4 of 48.0 MiB');
  expect(countText({ kind: 'count', done: 1048576, total: undefined, unit: 'bytes' })).toBe('1.0 MiB');
});

test.each([
  [0, '0.0 s'],
  [449, '0.4 s'],
  [9_949, '9.9 s'],
  [9_951, '10 s'],
  [59_499, '59 s'],
  [59_600, '1 min 00 s'],
  [184_000, '3 min 04 s'],
])('%i ms are %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

test('without a terminal a count is a line at each tenth, not at each object', () => {
  const lines: string[] = [];
  const report = plainReport((line) => lines.push(line), 'kernel: ');
  report({ kind: 'phase', text: 'fetches' });
  for (let done = 0; done <= 1000; done++) report({ kind: 'count', done, total: 1000, unit: 'objects' });
  report({ kind: 'phase', text: 'compiles' });
  report({ kind: 'count', done: 150, total: 1000, unit: 'objects' });
  report({ kind: 'count', done: 5, total: undefined, unit: 'bytes' });
  report({ kind: 'note', text: 'done' });
  expect(lines).toEqual([
    'kernel: fetches\n',
    ...Array.from({ length: 10 }, (_, at) => `kernel: ${100 * (at + 1)} of 1000 objects\n`),
    'kernel: compiles\n',
    'kernel: 150 of 1000 objects\n',
    'kernel: done\n',
  ]);
});
