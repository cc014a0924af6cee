import { mkdtempSync, rmSync } from 'node:fs';
import { appendFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { archOf } from '../../../src/core/arch.ts';
import { resolvePaths } from '../../../src/core/paths.ts';
import { rootArtifact } from '../../../src/image/root.ts';
import { postgres } from '../../../src/spec/services/postgres/postgres.ts';
import { initdb } from '../../../src/spec/services/postgres/postgres-cluster.ts';
import { upgradeScript } from '../../../src/spec/services/postgres/postgres-upgrade.ts';
import { ensureArtifact } from '../../../src/store/store.ts';
import { upgradingMachine } from '../../../src/verbs/upgrade/postgres.ts';
import { contextIn } from '../../support/context.ts';
import { ANSWERS, ASKED, YEARS } from '../../support/services/postgres-years.ts';
import { specWith } from '../../support/spec.ts';

const isRoot = process.getuid?.() === 0;

/** The script that a guest runs, in the root that it runs in, by this computer's own processor: what takes minutes in an emulated guest takes seconds. */
describe.runIf(isRoot)('the script that upgrades PostgreSQL', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vmkit-upgrade-'));
  const root = join(folder, 'root');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const inRoot = (script: string) =>
    execa(
      'unshare',
      [
        ...['--mount', '--pid', '--fork', '--kill-child', 'sh', '-euc'],
        'mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; exec chroot "$1" sh -euc "$2"',
        ...['sh', root, script],
      ],
      { reject: false, timeout: 1_200_000, env: { LC_ALL: 'C' } },
    );
  const succeed = async (script: string): Promise<string> => {
    const { stdout, stderr, exitCode } = await inRoot(script);
    expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
    return stdout;
  };
  /** The cluster of a version while `work` runs, then stopped so. */
  const served = (version: number, work: string, how: string): string => {
    const pgCtl = `s6-setuidgid postgres /usr/lib/postgresql/${version}/bin/pg_ctl -D /data/postgres/${version} -w -s -l /tmp/log`;
    return `cd /; ${pgCtl} -o '-k /tmp' start; s6-setuidgid postgres psql -h /tmp -XAtq -v ON_ERROR_STOP=1 -d app <<'SQL'\n${work}\nSQL\n${pgCtl} -m ${how} stop`;
  };

  beforeAll(async () => {
    const base = contextIn(folder);
    const context = { ...base, paths: { ...base.paths, cache: resolvePaths().cache } };
    const arch = archOf((await context.host.facts()).machine) ?? 'x86_64';
    const machine = { ...specWith('sql', [postgres.create({})]), arch };
    const spec = upgradingMachine(machine, { from: 15, to: 17, olderSuite: 'bookworm' });
    const { directory } = await ensureArtifact(rootArtifact(spec), context);
    await execa('unsquashfs', ['-q', '-n', '-d', root, join(directory, 'root.img')]);
    await appendFile(join(root, 'etc', 'passwd'), 'postgres:x:999:999::/data/postgres:/bin/sh\n');
    await appendFile(join(root, 'etc', 'group'), 'postgres:x:999:\n');
    await mkdir(join(root, 'data'), { recursive: true });
    await succeed(`chmod 1777 /tmp; install -d -o postgres -g postgres -m 0700 /data/postgres
${initdb(15, '/data/postgres/15')} >/dev/null
${served(15, '', 'fast').replace('-d app', '-d postgres').replace("<<'SQL'\n", "<<'SQL'\nCREATE DATABASE app;")}`);
    // As a power cut leaves it.
    await succeed(served(15, YEARS, 'immediate'));
  });

  test('a cluster that was cut off: all of it is there in the new one, and sorted as the new libraries sort', async () => {
    const said = await succeed(upgradeScript(15, 17));
    expect(said).toContain('makes the indexes of app anew');
    expect(said).not.toContain('makes the indexes of postgres anew');
    const answers = (await succeed(served(17, ASKED, 'fast'))).trim().split('\n');
    expect(answers[0]).toMatch(/^17/);
    expect(answers.slice(1)).toEqual([...ANSWERS, 't']);
    expect(await succeed('ls /data/postgres')).toBe('17');
  });
});
