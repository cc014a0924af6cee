import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { pidOf } from './machine.ts';
import { MAIN, vmkit } from './measure.ts';

/** psql in news, as Miniflux's role in sql. */
export const PSQL =
  'PGPASSFILE=/run/secrets/miniflux/pgpass /usr/lib/postgresql/17/bin/psql -XAtqw -h 192.168.100.2 -U news -d news';
/** One connection; each row is acknowledged by a line with its number. */
const WRITE = `n=$(${PSQL} -c 'CREATE TABLE IF NOT EXISTS written (n bigint); SELECT coalesce(max(n), 0) FROM written' 2>/dev/null)
while n=$((n + 1)); do echo "INSERT INTO written VALUES ($n) RETURNING n;"; sleep 0.01; done | ${PSQL}`;

/** Boots news on sql, and then, `rounds` times, kills one of the two under writing and boots it again. How many rounds lost nothing. */
export async function killsUnderWriting(
  rounds: number,
  env: Record<string, string>,
): Promise<{ readonly whole: number; readonly rows: number }> {
  await vmkit(['boot', 'news'], env);
  const acknowledged = new Set<string>();
  let whole = 0;
  for (let round = 0; round < rounds; round += 1) {
    const writer = spawn(process.execPath, [MAIN, 'exec', 'news', '--', 'sh', '-c', WRITE], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(writer, 'close');
    let said = '';
    writer.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const isDeadline = AbortSignal.timeout(30_000);
    while (!said.includes('\n') && !isDeadline.aborted) await setTimeout(20);
    await setTimeout(500 + Math.random() * 2_500);
    process.kill(await pidOf(Math.random() < 0.5 ? 'sql' : 'news', env), 'SIGKILL');
    writer.kill();
    await ended;
    // The last line may be cut.
    for (const line of said.split('\n').slice(0, -1)) acknowledged.add(line);
    await vmkit(['boot', 'news'], env);
    const { stdout } = await vmkit(['exec', 'news', '--', 'sh', '-c', `${PSQL} -c 'SELECT n FROM written'`], env);
    const there = new Set(stdout.split('\n'));
    const lost = [...acknowledged].filter((n) => !there.has(n));
    if (lost.length === 0) whole += 1;
    console.error(`round ${round + 1}: ${acknowledged.size} rows acknowledged, lost: ${lost.join(' ') || 'none'}`);
  }
  await vmkit(['stop', 'sql'], env);
  return { whole, rows: acknowledged.size };
}
