import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { onCommands } from '../../src/core/announce.ts';
import { runOnConsole } from '../../src/guest/console/script.ts';
import { localHost, localShell } from '../../src/host/local/local.ts';
import { startInBackground } from '../../src/host/local/process/background.ts';
import { shellHost } from '../../src/host/shell/shell-host.ts';
import { withLock } from '../../src/host/with-lock.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function heard(): string[] {
  const lines: string[] = [];
  onTestFinished(onCommands((line) => void lines.push(line)));
  return lines;
}

test('whatever starts a process says so, with its arguments and without its secrets', async () => {
  const lines = heard();
  const folder = await temporaryFolder();
  const secret = { env: { PASSWORD: 'secret-1' }, input: Buffer.from('secret-2') };
  await localHost().exec(['true', 'a b'], secret);
  await startInBackground(['true', 'behind'], { logFile: join(folder, 'log'), ...secret });
  await withLock(join(folder, 'lock'), 'a test', contextIn(folder), async () => undefined);
  const other = shellHost({ ...localShell(['sh']), name: 'ssh://laptop' });
  await other.exec(['true', 'there'], secret);
  await other.start(['true', 'goes on'], { logFile: join(folder, 'log'), env: secret.env });
  expect(lines).toEqual(
    expect.arrayContaining([
      "$ true 'a b'",
      '$ true behind',
      '$ flock -n 3',
      'ssh://laptop$ true there',
      "ssh://laptop$ true 'goes on'",
    ]),
  );
  expect(lines.join('\n')).not.toContain('secret');
});

test("a script for a guest's console is told with the guest's name, though nobody serves the console", async () => {
  const lines = heard();
  const path = join(await temporaryFolder(), 'console.sock');
  const signal = new AbortController().signal;
  await expect(
    runOnConsole(path, 'echo "$x"', localHost(), { name: 'sql', withinMs: 5_000, signal }),
  ).rejects.toThrow();
  expect(lines).toEqual(['console of sql$ sh -c \'echo "$x"\'']);
});
