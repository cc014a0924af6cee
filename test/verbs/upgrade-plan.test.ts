import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { forgejo } from '../../src/spec/services/forgejo/forgejo.ts';
import { postgres } from '../../src/spec/services/postgres/postgres.ts';
import { upgradeScript } from '../../src/spec/services/postgres/postgres-upgrade.ts';
import { planPostgres, upgradingMachine } from '../../src/verbs/upgrade/postgres.ts';
import { specWith } from '../support/spec.ts';

const sql = { ...specWith('sql', [postgres.create({})]), packages: ['postgresql-17-pgvector', 'git'] };

test('data of an older version is upgraded, with the release that has that version', () => {
  expect(planPostgres(15, sql)).toEqual({ from: 15, to: 17, olderSuite: 'bookworm' });
  expect(planPostgres(17, { ...sql, suite: 'forky' })).toEqual({ from: 17, to: 18, olderSuite: 'trixie' });
});

test('nothing is to be done without data, with the right one, or without PostgreSQL', () => {
  for (const from of [undefined, 17]) expect(planPostgres(from, sql)).toBeUndefined();
  expect(planPostgres(15, specWith('web', []))).toBeUndefined();
});

test.each([
  [18, 'there is no way back'],
  [13, 'which no release of Debian has that vmkit knows'],
])('data of PostgreSQL %s is refused with the reason', (from, reason) => {
  expect(() => planPostgres(from, sql)).toThrow(reason);
});

test('the machine that upgrades has both versions with their extensions, and starts nothing', () => {
  const services = [postgres.create({}), forgejo.create({})];
  const machine = upgradingMachine(
    { ...sql, services: [...sql.services.slice(0, 1), ...services] },
    {
      from: 15,
      to: 17,
      olderSuite: 'bookworm',
    },
  );
  expect(machine.packages).toEqual(['postgresql-17-pgvector', 'git', 'postgresql-15-pgvector', 'postgresql-15']);
  expect(machine.services.map(({ name, run }) => [name, run.includes('postgres -D')])).toEqual([
    ['ssh', false],
    ['postgres', false],
  ]);
  expect(machine.olderSuite).toBe('bookworm');
});

test('the script that upgrades', async () => {
  const script = upgradeScript(15, 17);
  execFileSync('sh', ['-n'], { input: script });
  await expect(script).toMatchFileSnapshot('../golden/postgres-upgrade.sh');
});
