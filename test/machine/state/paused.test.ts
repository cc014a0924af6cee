import { readFile, rm, writeFile } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { endProcess } from '../../../src/host/local/process/background.ts';
import { followMachine } from '../../../src/machine/boot.ts';
import { machineStatus } from '../../../src/machine/follow/status.ts';
import { guestAddress } from '../../../src/machine/guest.ts';
import { whatStillHolds } from '../../../src/machine/held.ts';
import { stopMachine } from '../../../src/machine/stop/stop.ts';
import { isHaltedBySignal } from '../../../src/machine/vmm/launch/halted.ts';
import { whatHolds } from '../../../src/machine/vmm/qemu/held.ts';
import { runningStandIn } from '../../support/stand-ins/qemu-stand-in.ts';

const BOOTED = '{"event":"booted","uptime":9}\n';

test.each(['paused', 'suspended', 'internal-error', 'guest-panicked', 'watchdog', 'shutdown'])(
  '%s: status, exec and boot say what it is, and let it be',
  async (run) => {
    const { context, paths, state, told } = await runningStandIn('obeys', run);
    await writeFile(paths.eventsLog, BOOTED);
    const status = await machineStatus('sql', context);
    expect(status).toMatchObject({ condition: 'paused', held: { state: run } });
    const failure = { code: 'machine-paused', message: expect.stringContaining(status.held?.text ?? '?') };
    await expect(guestAddress('sql', context)).rejects.toMatchObject(failure);
    if (run !== 'shutdown') await expect(followMachine(state, [], context)).rejects.toMatchObject(failure);
    expect(await readFile(told, 'utf8')).toMatch(/^(query-status\n)+$/);
  },
);

test('a running machine is held by nothing', async () => {
  const { context, paths, state } = await runningStandIn('obeys');
  expect(await whatHolds(state, paths, context.host)).toBeUndefined();
  expect(await machineStatus('sql', context)).toMatchObject({ condition: 'booting', held: undefined });
});

test('a full disk holds it until there is room; the next look lets it go on', async () => {
  const { context, paths, state, full } = await runningStandIn('obeys', 'io-error');
  await writeFile(full, '');
  expect(await whatStillHolds(state, paths, context.host)).toMatchObject({ state: 'io-error' });
  await expect(guestAddress('sql', context)).rejects.toMatchObject({ code: 'disk-full' });
  await rm(full);
  expect(await machineStatus('sql', context)).toMatchObject({ held: undefined });
  expect(await whatHolds(state, paths, context.host)).toBeUndefined();
});

test('boot waits for room, and goes on', async () => {
  const { context, paths, state, full } = await runningStandIn('obeys', 'io-error');
  await writeFile(full, '');
  await writeFile(paths.eventsLog, BOOTED);
  let notes = '';
  const report = async (text: string): Promise<void> => {
    notes += text;
    await rm(full, { force: true });
  };
  const seen = { ...context, report: (each: { kind: string; text?: string }) => void report(each.text ?? '') };
  expect(await followMachine(state, [], seen)).toMatchObject({ progress: { end: { kind: 'booted' } } });
  expect(notes).toContain('is full');
});

test('a QEMU that was halted by a signal says nothing itself: /proc does', async () => {
  const { context, paths, state } = await runningStandIn('obeys');
  endProcess(state, 'SIGSTOP');
  await expect.poll(() => isHaltedBySignal(state, context.host)).toBe(true);
  onTestFinished(() => void endProcess(state, 'SIGCONT'));
  await writeFile(paths.eventsLog, BOOTED);
  expect(await machineStatus('sql', context)).toMatchObject({ condition: 'paused', held: { state: 'sigstop' } });
  await expect(followMachine(state, [], context)).rejects.toMatchObject({ code: 'machine-paused' });
});

test.each([
  ['paused', 'cont'],
  ['io-error', 'cont'],
  ['suspended', 'system_wakeup'],
  ['sigstop', undefined],
])('stop wakes a machine that is %s, and it stops cleanly', async (run, command) => {
  const { context, paths, state, told } = await runningStandIn('obeys', run === 'sigstop' ? 'running' : run);
  if (run === 'sigstop') endProcess(state, 'SIGSTOP');
  const ask = { by: 'ssh', ask: async () => void endProcess(state, 'SIGKILL') };
  expect(await stopMachine(state, paths, [ask], 30_000, context)).toMatchObject({ forced: [] });
  if (command !== undefined) expect(await readFile(told, 'utf8')).toContain(command);
});

test.each(['internal-error', 'io-error'])(
  'stop of a machine that stays in %s says why it is not clean',
  async (run) => {
    const { context, paths, state, full } = await runningStandIn('obeys', run);
    await writeFile(full, '');
    const { forced } = await stopMachine(state, paths, [], 1_500, context);
    expect(forced[0]).toContain('It could not be woken to stop by itself');
    expect(forced[1]).toContain('told to quit');
  },
);
