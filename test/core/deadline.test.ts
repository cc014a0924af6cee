import { expect, onTestFinished, test } from 'vitest';
import { poll, throwIfInterrupted, unlessInterrupted } from '../../src/core/deadline.ts';

test('poll returns the first value that is not undefined, falsy ones included', async () => {
  let calls = 0;
  const value = await poll(() => (++calls < 3 ? undefined : 0), { withinMs: 10_000, everyMs: 1 });
  expect({ value, calls }).toEqual({ value: 0, calls: 3 });
});

test('poll asks once more at the deadline and then gives up', async () => {
  let calls = 0;
  expect(await poll(() => void calls++, { withinMs: 30, everyMs: 60_000 })).toBeUndefined();
  expect(calls).toBeGreaterThanOrEqual(2);
});

test('an abort ends the wait at once, without waiting for the next try', async () => {
  const controller = new AbortController();
  const wait = poll(() => undefined, { withinMs: 600_000, everyMs: 600_000, signal: controller.signal });
  controller.abort();
  await expect(wait).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 });
});

test('errors of the probe pass through', async () => {
  const failure = new Error('probe');
  await expect(poll(() => Promise.reject(failure), { withinMs: 1_000 })).rejects.toBe(failure);
});

test('throwIfInterrupted is silent without a signal', () => {
  expect(() => throwIfInterrupted(undefined)).not.toThrow();
  expect(() => throwIfInterrupted(AbortSignal.abort())).toThrow('Interrupted');
});

test('what cannot be ended is not waited for once it is interrupted', async () => {
  const stop = new AbortController();
  const waits = unlessInterrupted(new Promise(() => undefined), stop.signal);
  stop.abort();
  await expect(waits).rejects.toMatchObject({ kind: 'interrupted' });
  expect(await unlessInterrupted(Promise.resolve(7), new AbortController().signal)).toBe(7);
});

test('what was begun before an interruption and fails after it is no stray rejection', async () => {
  const stray: unknown[] = [];
  const hear = (reason: unknown): void => void stray.push(reason);
  process.on('unhandledRejection', hear);
  onTestFinished(() => void process.off('unhandledRejection', hear));
  let fail: (error: Error) => void = () => undefined;
  const begun = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  await expect(unlessInterrupted(begun, AbortSignal.abort())).rejects.toMatchObject({ code: 'interrupted' });
  fail(new Error('too late'));
  await new Promise((resolve) => void setImmediate(resolve));
  expect(stray).toEqual([]);
});
