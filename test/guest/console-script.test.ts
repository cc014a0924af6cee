import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { consoleLines, readConsole, runOnConsole } from '../../src/guest/console/script.ts';
import { localHost } from '../../src/host/local/local.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const run = promisify(execFile);

test('what is typed runs the script, and what it printed is read from between echoes and the lines of others', async () => {
  const script = `echo 'one  "two" $3'; printf 'ä\\n'; exit 4 # ${'long '.repeat(1_000)}`;
  const lines = consoleLines(script, 'feed');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(4_096);
  const { stdout } = await run('sh', ['-c', lines.join('')]);
  for (const at of lines.keys()) expect(stdout).toContain(`feed-${at}.\n`);
  // A line that is only echoed is not answered yet.
  for (const [at, line] of lines.entries()) expect(line).not.toContain(`feed-${at}.`);
  const [begin, ...rest] = stdout.trim().split('\n');
  const noisy = [...lines, begin, '{"event":"ready"}', ...rest].join('\r\n');
  expect(readConsole(noisy, 'feed')).toBe('one  "two" $3\nä\n');
});

test('a console that never stops printing ends in an error, not in memory', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'console.sock');
  const server = createServer((client) => {
    client.on('error', () => undefined);
    const flood = (): void => void client.write(Buffer.alloc(256 * 1024, 'x'), (error) => error == null && flood());
    flood();
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  const signal = new AbortController().signal;
  await expect(
    runOnConsole(path, 'true', localHost(), { name: 'sql', withinMs: 60_000, signal }),
  ).rejects.toMatchObject({
    code: 'no-console',
    message: expect.stringContaining('So much is printed'),
  });
});
