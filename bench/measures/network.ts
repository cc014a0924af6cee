import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withOwnMachines } from '../machine.ts';
import { MAIN, type Measure, medianOfPairs, seconds, time, vmkit } from '../measure.ts';
import { killsUnderWriting, PSQL } from '../network-kills.ts';
import { ratio, row } from '../rows.ts';

/** Two machines against one, warm: the whole process of `vmkit boot`, until the service answers. */
export const twoMachines: Measure = {
  name: 'machines',
  run: () =>
    withOwnMachines(async (env) => {
      const boot = async (name: string): Promise<number> => {
        const { seconds: value } = await vmkit(['boot', name], env);
        await vmkit(['stop', name], env);
        return value;
      };
      for (const name of ['news', 'miniflux']) await boot(name);
      const { ours: two, theirs: one } = await medianOfPairs(
        3,
        () => boot('news'),
        () => boot('miniflux'),
      );
      const how = `news on sql ${seconds(two)}, miniflux with its own PostgreSQL ${seconds(one)}; median of 3 pairs`;
      return [row('boot of two machines, against one', two / one, 1.25, ratio, how)];
    }),
};

type Kind = 'private' | 'bridge';

const SQL = (kind: Kind): string => `name: sql
memory: 512MiB
data: 1GiB
network: { kind: ${kind}, address: 192.168.100.2 }
services:
  - use: postgres
    host: 55432
    databases: [{ name: news, owner: news, from: [192.168.100.4] }]
`;
const NEWS = (kind: Kind): string => `name: news
memory: 512MiB
data: 256MiB
needs: [sql]
network: { kind: ${kind}, address: 192.168.100.4 }
services:
  - use: miniflux
    port: 58081
    database: { machine: sql, address: 192.168.100.2, name: news }
`;

/** Microseconds of 1000 queries on one connection, and of 128 MiB by COPY. */
const MEASURE = `yes 'SELECT 1;' | head -n 1000 >/tmp/queries
a=$(date +%s%N); ${PSQL} -f /tmp/queries >/dev/null; b=$(date +%s%N)
${PSQL} -c "COPY (SELECT repeat('x', 8191) FROM generate_series(1, 16384)) TO STDOUT" >/dev/null; c=$(date +%s%N)
echo $(( (b - a) / 1000 )) $(( (c - b) / 1000 ))`;

/** The same two machines on each kind of link, in turn, in a network namespace that is the host. */
export const links: Measure = {
  name: 'links',
  run: () =>
    withOwnMachines(async (env) => {
      const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-vm-'));
      const host = `vmkit-bench-${process.pid}`;
      const inside = (args: readonly string[]) =>
        time(['ip', 'netns', 'exec', host, process.execPath, MAIN, ...args], env, folder);
      await time(['ip', 'netns', 'add', host]);
      try {
        await time(['ip', '-n', host, 'link', 'set', 'lo', 'up']);
        const taps = ['--tap', 'sql=192.168.100.2', '--tap', 'news=192.168.100.4', '--link', 'sql:news'];
        await inside(['host', 'setup', ...taps]);
        const take = async (kind: Kind): Promise<readonly [number, number]> => {
          for (const [name, text] of Object.entries({ sql: SQL(kind), news: NEWS(kind) })) {
            await mkdir(join(folder, 'vm', name), { recursive: true });
            await writeFile(join(folder, 'vm', name, 'vm.yaml'), text);
          }
          if (kind === 'private') await time([process.execPath, MAIN, 'build-image', 'news'], env, folder);
          await inside(['boot', 'news']);
          const { stdout } = await inside(['exec', 'news', '--', 'sh', '-c', MEASURE]);
          await inside(['stop', 'sql']);
          const [queries = Number.NaN, copy = Number.NaN] = stdout.trim().split(' ').map(Number);
          return [queries / 1e6, (128 * 1024 * 1024) / copy];
        };
        const all: Record<Kind, (readonly [number, number])[]> = { private: [], bridge: [] };
        for (let run = 0; run < 3; run += 1)
          for (const kind of ['private', 'bridge'] as const) all[kind].push(await take(kind));
        await inside(['host', 'teardown']);
        const middle = (kind: Kind, at: 0 | 1): number =>
          all[kind].map((pair) => pair[at]).sort((a, b) => a - b)[1] ?? Number.NaN;
        return [0 as const, 1 as const].map((at) => ({
          what: at === 0 ? 'a query, sql to news: private, bridge' : 'COPY, sql to news: private, bridge',
          measured: (['private', 'bridge'] as const)
            .map((kind) => `${middle(kind, at).toFixed(at === 0 ? 2 : 1)} ${at === 0 ? 'ms' : 'MB/s'}`)
            .join(', '),
          reach: 'known',
          met: true,
          how: at === 0 ? '1000 of SELECT 1 on one connection; median of 3, in turn' : '128 MiB; median of 3, in turn',
        }));
      } finally {
        await time(['ip', 'netns', 'delete', host]);
        await rm(folder, { recursive: true, force: true });
      }
    }),
};

/** Random kills of either QEMU while rows are written over the link. */
export const kills: Measure = {
  name: 'kills',
  run: () =>
    withOwnMachines(async (env) => {
      const rounds = 30;
      const { whole, rows } = await killsUnderWriting(rounds, env);
      return [
        {
          what: 'kills of sql or news while news writes rows, nothing acknowledged lost',
          measured: `${whole} of ${rounds}`,
          reach: `${rounds} of ${rounds}`,
          met: whole === rounds,
          how: `${rows} rows acknowledged, each by a commit of its own; kill -9 of QEMU after 0.5 to 3 s`,
        },
      ];
    }),
};
