import { expect, test } from 'vitest';
import { machinePaths, networkPaths } from '../../src/core/paths.ts';
import { secretFile } from '../../src/secrets/secret-store.ts';

const paths = { cache: '/c', data: '/d', state: '/s' };
const refused = expect.objectContaining({ kind: 'usage', code: 'bad-name' });

test.each(['', '.', '..', '../sql', 'sql/', '/', 'sql/../web', 'Sql', 'sql\n', 'a'.repeat(32), 'sql-', '-y'])(
  '%j is no name of a machine',
  (name) => {
    expect(() => machinePaths(paths, name)).toThrow(refused);
  },
);

test.each(['', '.', '..', '../x', 'a/b', '.hidden'])('%j is no part of a path of a network or a secret', (part) => {
  expect(() => networkPaths(paths, part)).toThrow(refused);
  const sql = machinePaths(paths, 'sql');
  expect(() => secretFile(sql, part, 'password')).toThrow(refused);
  expect(() => secretFile(sql, 'postgres', part)).toThrow(refused);
});

test('what definitions name passes', () => {
  expect(networkPaths(paths, '192.168.100.0').lock).toBe('/s/networks/192.168.100.0/lock');
  expect(secretFile(machinePaths(paths, 'sql'), 'postgres', 'my_role-password')).toBe(
    '/d/machines/sql/secrets/postgres/my_role-password',
  );
});
