import { expect, test } from 'vitest';
import { machinePaths, resolvePaths } from '../../src/core/paths.ts';

test('XDG variables win, the home folder is the default, an empty or relative variable counts as unset', () => {
  expect(resolvePaths({ HOME: '/home/a', XDG_CACHE_HOME: '/big', XDG_DATA_HOME: '', XDG_STATE_HOME: 'here' })).toEqual({
    cache: '/big/vmkit',
    data: '/home/a/.local/share/vmkit',
    state: '/home/a/.local/state/vmkit',
  });
});

test('what must not be lost is apart from what a reboot may lose', () => {
  const paths = machinePaths({ cache: '/c', data: '/d', state: '/s' }, 'sql');
  expect(paths.dataDisk).toBe('/d/machines/sql/data.img');
  expect(paths.secretsDir).toBe('/d/machines/sql/secrets');
  expect(paths.controlSocket).toBe('/s/machines/sql/run/qmp.sock');
  expect(paths.lock).toBe('/d/machines/sql/lock');
});
