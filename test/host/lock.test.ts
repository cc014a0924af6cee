import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { poll } from '../../src/core/deadline.ts';
import { runProcess } from '../../src/host/local/process/process.ts';
import { withLock } from '../../src/host/with-lock.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Holds the lock in a process of its own until it is killed. */
async function holdElsewhere(path: string): Promise<{ pid: number; kill: () => void }> {
  const module = pathToFileURL('src/host/with-lock.ts');
  const script = `
    import { withLock } from '${module}';
    import { localHost } from '${pathToFileURL('src/host/local/local.ts')}';
    const context = { host: localHost(), report: () => undefined, signal: new AbortController().signal };
    await withLock('${path}', 'vmkit build-kernel', context, async () => {
      console.log('locked');
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    });`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  onTestFinished(kill);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return { pid: child.pid ?? 0, kill };
}

test('one at a time, also within one process', async () => {
  const folder = await temporaryFolder();
  const events: string[] = [];
  const work = (name: string) => () =>
    withLock(join(folder, 'new/lock'), name, contextIn(folder), async () => {
      events.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      events.push(`${name} out`);
    });
  await Promise.all(['a', 'b', 'c'].map((name) => work(name)()));
  expect(events).toHaveLength(6);
  for (let n = 0; n < 6; n += 2) expect(events[n]?.replace('in', 'out')).toBe(events[n + 1]);
});

test('the result and the error of the work come out, and the lock is free again', async () => {
  const folder = await temporaryFolder();
  const lock = <T>(work: () => Promise<T>): Promise<T> =>
    withLock(join(folder, 'lock'), 'test', contextIn(folder), work, { withinMs: 0 });
  const failure = new Error('work');
  await expect(lock(() => Promise.reject(failure))).rejects.toBe(failure);
  expect(await lock(async () => 42)).toBe(42);
});

test('kill -9 of the holder frees the lock, and until then its purpose and pid are told', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'lock');
  const holder = await holdElsewhere(path);
  const context = contextIn(folder);
  const told = `vmkit build-kernel, pid ${holder.pid}`;
  await expect(withLock(path, 'test', context, async () => 1, { withinMs: 0 })).rejects.toMatchObject({
    code: 'lock-busy',
    message: expect.stringContaining(told),
  });
  const waiting = withLock(path, 'test', context, async () => 'mine');
  await poll(() => context.progress[0], { withinMs: 10_000 });
  expect(context.progress).toEqual([{ kind: 'phase', text: `waits for ${told}` }]);
  holder.kill();
  expect(await waiting).toBe('mine');
});

test('waiting ends at its deadline and at an abort', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'lock');
  await withLock(path, 'the first', contextIn(folder), async () => {
    await expect(withLock(path, 'second', contextIn(folder), async () => 1, { withinMs: 100 })).rejects.toMatchObject({
      code: 'lock-busy',
      exitCode: 3,
    });
    const controller = new AbortController();
    const context = contextIn(folder, controller.signal);
    const waiting = withLock(path, 'third', context, async () => 1);
    await poll(() => context.progress[0], { withinMs: 10_000 });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'interrupted' });
  });
});

test('children that outlive the work do not keep the lock', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'lock');
  await withLock(path, 'test', contextIn(folder), async () => {
    const child = spawn('sleep', ['600'], { stdio: 'ignore', detached: true });
    onTestFinished(() => void child.kill('SIGKILL'));
  });
  expect(await withLock(path, 'test', contextIn(folder), async () => 'mine', { withinMs: 0 })).toBe('mine');
});

test('a lock file that was deleted while others waited excludes them still', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'lock');
  const order: string[] = [];
  const enter = (name: string, context = contextIn(folder)): [Promise<void>, typeof context] => [
    withLock(path, name, context, async () => {
      order.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push(`${name} out`);
    }),
    context,
  ];
  let others: Promise<void>[] = [];
  await withLock(path, 'first', contextIn(folder), async () => {
    const [second, context] = enter('second');
    await poll(() => context.progress[0], { withinMs: 10_000 });
    await rm(path);
    others = [second];
  });
  others.push(enter('third')[0]);
  await Promise.all(others);
  expect(order[0]?.replace('in', 'out')).toBe(order[1]);
});

test('Node ends when nothing but a held lock is left', async () => {
  const folder = await temporaryFolder();
  const module = pathToFileURL('src/host/with-lock.ts');
  const script = `
    import { withLock } from '${module}';
    import { localHost } from '${pathToFileURL('src/host/local/local.ts')}';
    const context = { host: localHost(), report: () => undefined, signal: new AbortController().signal };
    void withLock('${folder}/lock', 'test', context, () => { console.log('held'); return new Promise(() => undefined); });`;
  const run = await runProcess(['node', '--import', 'tsx', '--input-type=module', '--eval', script], {
    withinMs: 15_000,
  });
  expect(run.stdout).toBe('held\n');
});
