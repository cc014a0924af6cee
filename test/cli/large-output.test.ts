import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { bundledCli, ended } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const cli = bundledCli();
/** More than a pipe or a pair of sockets holds. */
const LINES = 200_000;

async function homeWithLog(): Promise<string> {
  const home = await temporaryFolder();
  const folder = join(home, '.local/state/vmkit/machines/big');
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const text = Array.from({ length: LINES }, (_, at) => `${at}\n`).join('');
  await writeFile(join(folder, 'console.log'), text, { mode: 0o644 });
  return home;
}

test('a reader that comes late gets all of it', async () => {
  const child = cli.start(['logs', 'big'], await homeWithLog());
  await sleep(1_500);
  const { exitCode, stdout } = await ended(child);
  expect([exitCode, stdout.split('\n').length]).toEqual([0, LINES + 1]);
});

test('Ctrl-C ends one whose reader never comes', async () => {
  const child = cli.start(['logs', 'big'], await homeWithLog());
  await sleep(1_500);
  expect(child.exitCode).toBeNull();
  child.kill('SIGINT');
  const [code]: unknown[] = await once(child, 'exit');
  expect(code).toBe(130);
});
