import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { poll } from '../../src/core/deadline.ts';
import { endProcess, isRunning, startInBackground } from '../../src/host/local/process/background.ts';
import { runProcess } from '../../src/host/local/process/process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const stopped = (target: { pid: number; startTime: number }): Promise<true | undefined> =>
  poll(() => (isRunning(target) ? undefined : true), { withinMs: 10_000, everyMs: 10 });

test('runs with its output in a file that only we can read, and can be ended', async () => {
  const logFile = join(await temporaryFolder(), 'new/log');
  const target = await startInBackground(['sh', '-c', 'echo "$WHO"; pwd >&2; exec sleep 600'], {
    logFile,
    cwd: '/',
    env: { WHO: 'vmkit' },
  });
  onTestFinished(() => void endProcess(target, 'SIGKILL'));
  const log = await poll(
    async () => {
      const text = await readFile(logFile, 'utf8');
      return text.split('\n').length > 2 ? text : undefined;
    },
    { withinMs: 10_000, everyMs: 10 },
  );
  expect(log).toBe('vmkit\n/\n');
  expect((await stat(logFile)).mode & 0o777).toBe(0o600);
  expect(isRunning(target)).toBe(true);
  expect(endProcess(target, 'SIGTERM')).toBe(true);
  expect(await stopped(target)).toBe(true);
  expect(endProcess(target, 'SIGTERM')).toBe(false);
});

test('another process that has the pid now is neither reported nor ended', async () => {
  const own = await startInBackground(['sleep', '600'], { logFile: join(await temporaryFolder(), 'log') });
  onTestFinished(() => void endProcess(own, 'SIGKILL'));
  const former = { pid: own.pid, startTime: own.startTime - 1 };
  expect(isRunning(former)).toBe(false);
  expect(endProcess(former, 'SIGKILL')).toBe(false);
  expect(isRunning(own)).toBe(true);
});

test('a process that ends at once has a start time and does not run', async () => {
  const target = await startInBackground(['false'], { logFile: join(await temporaryFolder(), 'log') });
  expect(target.startTime).toBeGreaterThan(0);
  expect(await stopped(target)).toBe(true);
});

test('it leads its own session, so that Ctrl-C in the terminal does not reach it', async () => {
  const target = await startInBackground(['sleep', '600'], { logFile: join(await temporaryFolder(), 'log') });
  onTestFinished(() => void endProcess(target, 'SIGKILL'));
  const fields = (await readFile(`/proc/${target.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  expect(fields[3]).toBe(String(target.pid));
});

test('it lives on when its starter has ended', async () => {
  const folder = await temporaryFolder();
  const script = `
    import { startInBackground } from '${new URL('../../src/host/local/process/background.ts', import.meta.url)}';
    console.log(JSON.stringify(await startInBackground(['sleep', '600'], { logFile: '${folder}/log' })));`;
  const { stdout, stderr } = await runProcess(['npx', 'tsx', '--input-type=module', '--eval', script]);
  expect(stderr.replace(/^npm warn.*\n/gm, '')).toBe('');
  const target: { pid: number; startTime: number } = JSON.parse(stdout);
  onTestFinished(() => void endProcess(target, 'SIGKILL'));
  expect(isRunning(target)).toBe(true);
});

test('a missing program is named', async () => {
  const run = startInBackground(['vmkit-no-such-program'], { logFile: join(await temporaryFolder(), 'log') });
  await expect(run).rejects.toMatchObject({ code: 'tool-missing' });
});

test('what a person gave to vmkit stays with vmkit', async () => {
  const folder = await temporaryFolder();
  vi.stubEnv('TS_AUTHKEY', 'tskey-none');
  onTestFinished(() => void vi.unstubAllEnvs());
  const target = await startInBackground(['env'], { logFile: join(folder, 'log'), env: { WHO: 'switch' } });
  expect(await stopped(target)).toBe(true);
  const names = (await readFile(join(folder, 'log'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => line.replace(/=.*/, ''));
  expect(names).toContain('WHO');
  expect(names).not.toContain('TS_AUTHKEY');
});

test('it gets its standard input whole, and one that does not want it is no error', async () => {
  const folder = await temporaryFolder();
  const input = Buffer.alloc(1024 * 1024, 'x');
  const reads = await startInBackground(['sh', '-c', 'wc -c'], { logFile: join(folder, 'log'), input });
  await startInBackground(['true'], { logFile: join(folder, 'other'), input });
  expect(await stopped(reads)).toBe(true);
  expect(await readFile(join(folder, 'log'), 'utf8')).toContain(String(input.length));
});
