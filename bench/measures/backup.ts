import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { freePort } from '../../src/net/tcp.ts';
import { stop, withOwnMachines } from '../machine.ts';
import { MAIN, type Measure, megabytes, seconds, time, vmkit } from '../measure.ts';
import { percent } from '../rows.ts';

const saved = z.object({ addedBytes: z.number() });
const REACH = 0.15;

const DEFINITION = (port: number): string => `name: ledger
memory: 512MiB
data: 4GiB
services:
  - use: postgres
    host: ${port}
    databases: [{ name: ledger, owner: ledger }]
`;

const SQL = 'psql -h /run/postgresql -U postgres -d ledger -qAt -v ON_ERROR_STOP=1';
/** Half of it is a table, half of it files of 2 MiB, and none of it can be compressed. */
const FILL = `install -d -m 0700 /data/postgres/bench
chroot --userspec=postgres:postgres / ${SQL} <<'END'
CREATE EXTENSION pgcrypto;
CREATE TABLE entries (id int PRIMARY KEY, content bytea NOT NULL);
ALTER TABLE entries ALTER content SET STORAGE EXTERNAL;
INSERT INTO entries SELECT i, gen_random_bytes(1000) FROM generate_series(1, 480000) i;
-- What PostgreSQL would write into each page some time later.
VACUUM (FREEZE, ANALYZE) entries;
CHECKPOINT;
END
for i in $(seq 256); do head -c 2097152 /dev/urandom >/data/postgres/bench/$i; done
sync`;
/** What a day does: the newest rows and some new files. */
const CHANGE = `chroot --userspec=postgres:postgres / ${SQL} <<'END'
UPDATE entries SET content = gen_random_bytes(1000) WHERE id > 475200;
CHECKPOINT;
END
for i in 1 2 3; do head -c 2097152 /dev/urandom >/data/postgres/bench/$i; done
sync`;

/** A machine with 1 GiB of data, saved twice to a folder of this computer. */
export const secondBackup: Measure = {
  name: 'backup',
  run: () =>
    withOwnMachines(async (env) => {
      const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-vm-'));
      const run = (script: string): ReturnType<typeof time> =>
        time([process.execPath, MAIN, 'exec', 'ledger', '--', 'sh', '-euc', script], env);
      const backup = async (): Promise<z.infer<typeof saved> & { readonly seconds: number }> => {
        const timed = await vmkit(['backup', 'ledger', '--to', join(folder, 'backups')], env);
        return { seconds: timed.seconds, ...saved.parse(JSON.parse(timed.stdout)) };
      };
      try {
        await writeFile(join(folder, 'vm.yaml'), DEFINITION(await freePort()));
        await vmkit(['boot', join(folder, 'vm.yaml')], env);
        await run(FILL);
        const first = await backup();
        await run(CHANGE);
        const second = await backup();
        const [time, space] = [second.seconds / first.seconds, second.addedBytes / first.addedBytes];
        return [
          {
            what: 'second backup of 1 GiB, 1 % changed, against the first: time, space',
            measured: `${percent(time)}, ${percent(space)}`,
            reach: `<= ${percent(REACH)}`,
            met: Math.max(time, space) <= REACH,
            how: `${seconds(second.seconds)} of ${seconds(first.seconds)}, ${megabytes(second.addedBytes)} of ${megabytes(first.addedBytes)}; a table and files of random bytes; whole process, to a folder here`,
          },
        ];
      } finally {
        await stop('ledger', env);
        await rm(folder, { recursive: true, force: true });
      }
    }),
};
