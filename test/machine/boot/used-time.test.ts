import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { localHost } from '../../../src/host/local/local.ts';
import { usedSeconds } from '../../../src/machine/vmm/launch/used-time.ts';

test.each([
  ['works', 'while (true);', true],
  ['waits', 'setInterval(() => undefined, 1e6)', false],
])('the processor time of a process that %s', async (_, script, isBusy) => {
  const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
  const one = { pid: child.pid ?? 0, startTime: 0 };
  const hasWorked = async (): Promise<true | undefined> =>
    ((await usedSeconds(one, localHost())) ?? 0) > 1.5 ? true : undefined;
  expect(await poll(hasWorked, { withinMs: isBusy ? 50_000 : 500 })).toBe(isBusy || undefined);
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(await usedSeconds(one, localHost())).toBeUndefined();
});
