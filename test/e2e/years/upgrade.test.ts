import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/digest.ts';
import { useSandbox } from '../../support/machine.ts';
import { dice, SEED } from '../../support/run/dice.ts';
import { isAll } from '../../support/run/sampled.ts';
import { ANSWERS, ASKED, YEARS } from '../../support/services/postgres-years.ts';
import { psqlWords } from '../../support/services/psql.ts';

const KILLS = 20;

const MACHINE = `memory: 512MiB
data: 256MiB
services:
  - use: postgres
    databases: [{ name: app, owner: app }]
`;

/** What it costs: two roots and seven boots. postgres-upgrade.test.ts runs the same script on the same data without a guest. */
describe.runIf(isAll).sequential('PostgreSQL 15 of bookworm becomes 17 of trixie: VMKIT_TEST_ALL=1', () => {
  const sandbox = useSandbox();
  const { int } = dice(SEED);
  const digest = (): string => sha256(readFileSync(sandbox.machine('sql').dataDisk));
  const ask = async (sql: string): Promise<string[]> => {
    const { stdout, exitCode, stderr } = await sandbox.vmkit(psqlWords('-v', 'ON_ERROR_STOP=1'), { input: sql });
    expect(exitCode, stderr).toBe(0);
    return stdout.trim().split('\n');
  };
  const succeed = async (...words: string[]): Promise<string> => {
    const { stdout, exitCode, stderr } = await sandbox.vmkit(words);
    expect(exitCode, stderr).toBe(0);
    return stdout;
  };
  let before: readonly string[] = [];

  test('a boot with the other version is refused, and its hint names the upgrade', async () => {
    console.log(`VMKIT_TEST_SEED=${SEED}`);
    await sandbox.define('sql', `suite: bookworm\n${MACHINE}`);
    await succeed('boot', 'sql');
    await ask(YEARS);
    before = await ask(ASKED);
    expect(before[0]).toMatch(/^15/);
    await succeed('stop', 'sql');
    await sandbox.define('sql', MACHINE);
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'sql', '--json']);
    expect(exitCode).toBe(5);
    expect(stderr).toContain('"data-of-other-version"');
    expect(stderr).toContain('vmkit upgrade sql');
    await succeed('stop', 'sql');
  });

  test('killed at any moment the machine is what it was; then all of its data is of the new version', async () => {
    const { dataDir } = sandbox.machine('sql');
    const old = digest();
    for (let round = 0; round < KILLS; round++) {
      const upgrade = sandbox.start(['upgrade', 'sql']);
      await sleep(5_000 + int(60_000));
      upgrade.process.kill('SIGKILL');
      await upgrade.ended;
      // Whoever takes the lock next puts in place what was decided.
      await sandbox.vmkit(['stop', 'sql']);
      if (digest() !== old) break;
    }
    if (digest() === old) {
      const said = await succeed('upgrade', 'sql');
      expect(said).toContain('The data of PostgreSQL 15 is of 17 now.');
      expect(existsSync(join(dataDir, 'apart'))).toBe(false);
    }
    await succeed('boot', 'sql');
    const [version, ...answers] = await ask(ASKED);
    expect(version).toMatch(/^17/);
    expect(answers).toEqual([...ANSWERS, 't']);
    // What ALTER SYSTEM set counts from the next start on.
    expect(answers.slice(0, 5)).toEqual(before.slice(1, 6));
    // The way back is a snapshot.
    await succeed('stop', 'sql');
    await succeed('rollback', 'sql');
    await sandbox.define('sql', `suite: bookworm\n${MACHINE}`);
    await succeed('boot', 'sql');
    expect((await ask(ASKED))[0]).toMatch(/^15/);
    await succeed('stop', 'sql');
  });
});
