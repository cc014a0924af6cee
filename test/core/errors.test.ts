import { expect, test } from 'vitest';
import { isSystemError, messageOf, VmkitError } from '../../src/core/errors/errors.ts';

test('each kind has the exit code that docs/errors.md promises', () => {
  const kinds = ['usage', 'spec', 'host', 'tool', 'build', 'boot', 'unreachable', 'interrupted'] as const;
  expect(kinds.map((kind) => new VmkitError(kind, 'bug', 'x').exitCode)).toEqual([2, 2, 3, 3, 4, 5, 6, 130]);
});

test('the cause is kept', () => {
  const cause = new Error('deeper');
  expect(new VmkitError('host', 'bug', 'x', { cause }).cause).toBe(cause);
});

test('a system error is told by its code', () => {
  const error = Object.assign(new Error('no'), { code: 'ENOENT' });
  expect([isSystemError(error, 'ENOENT'), isSystemError(error, 'EACCES'), isSystemError('ENOENT', 'ENOENT')]).toEqual([
    true,
    false,
    false,
  ]);
  expect([messageOf(error), messageOf('text')]).toEqual(['no', 'text']);
});
