import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { localHost } from '../../../src/host/local/local.ts';
import { allRecorded, LOG_LIMITS, type Logs } from '../../../src/machine/vmm/launch/recorder.ts';
import { recorded } from '../../support/run/recorded.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function logsIn(folder: string): Logs {
  return {
    console: join(folder, 'console.log'),
    events: join(folder, 'events.log'),
    monitor: join(folder, 'qemu.log'),
  };
}

async function run(script: string): Promise<Logs> {
  const logs = logsIn(await temporaryFolder());
  const [shell = '', ...args] = recorded(script, logs);
  await execa(shell, args);
  await allRecorded(logs, localHost());
  return logs;
}

test('each log is in its file, the last words too, and nothing else is left', async () => {
  const logs = await run('echo printed >&8; echo said >&9; echo out; echo error >&2');
  expect(await readFile(logs.console, 'utf8')).toBe('printed\n');
  expect(await readFile(logs.events, 'utf8')).toBe('said\n');
  expect(await readFile(logs.monitor, 'utf8')).toBe('out\nerror\n');
  expect(await readdir(join(logs.console, '..'))).toEqual(['console.log', 'events.log', 'qemu.log']);
});

test('what is written slowly is in the file at once', async () => {
  const logs = logsIn(await temporaryFolder());
  const [shell = '', ...args] = recorded('printf a >&8; exec sleep 60', logs);
  const process_ = execa(shell, args, { reject: false });
  const isThere = async (): Promise<true | undefined> =>
    (await readFile(logs.console, 'utf8').catch(() => '')) === 'a' ? true : undefined;
  expect(await poll(isThere, { withinMs: 30_000 })).toBe(true);
  process_.kill('SIGKILL');
  await process_;
});

test.each([
  ['events', 9],
  ['monitor', 2],
  ['console', 8],
] as const)('however much is said, %s keeps its measure, and the newest is kept', async (kind, fd) => {
  const limit = LOG_LIMITS[kind];
  const logs = await run(`head -c ${2.5 * limit} /dev/zero >&${fd}; echo the end >&${fd}`);
  const sizes = await Promise.all([logs[kind], `${logs[kind]}.1`].map(async (path) => (await stat(path)).size));
  for (const size of sizes) expect(size).toBeLessThanOrEqual(limit);
  expect(sizes[1]).toBe(limit);
  expect((await readFile(logs[kind])).subarray(-8).toString()).toBe('the end\n');
});

test('a folder that goes away, or a recorder that is killed, holds up nobody', async () => {
  const logs = await run('rm -r "$(dirname "$(readlink -f /proc/self/fd/8)")"; seq 1 1000000 >&8; true');
  await rm(join(logs.console, '..'), { recursive: true, force: true });
  const killed = logsIn(await temporaryFolder());
  const [shell = '', ...args] = recorded(
    `trap '' PIPE; kill $(ps -o pid= --ppid $$); seq 1 1000000 >&8 2>/dev/null; exit 3`,
    killed,
  );
  expect((await execa(shell, args, { reject: false })).exitCode).toBe(3);
});

test('a recorder that ends late takes nothing from the next one', async () => {
  const logs = logsIn(await temporaryFolder());
  const [shell = '', ...args] = recorded('echo first >&9; exec sleep 60', logs);
  const first = execa(shell, args, { reject: false });
  const isThere = async (): Promise<true | undefined> =>
    (await readFile(logs.events, 'utf8').catch(() => '')) === 'first\n' ? true : undefined;
  expect(await poll(isThere, { withinMs: 30_000 })).toBe(true);
  await rm(`${logs.events}.pipe`);
  await execa('mkfifo', [`${logs.events}.pipe`]);
  first.kill('SIGKILL');
  await first;
  const isDone = async (): Promise<true | undefined> =>
    (await readdir(join(logs.events, '..'))).filter((name) => name.endsWith('.pipe')).length === 1 ? true : undefined;
  expect(await poll(isDone, { withinMs: 30_000 })).toBe(true);
  expect((await stat(`${logs.events}.pipe`)).isFIFO()).toBe(true);
});
