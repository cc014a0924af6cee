import { appendFile, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { endProcess, isRunning } from '../../src/host/local/process/background.ts';
import { readState } from '../../src/machine/state/state.ts';
import { type Ask, waysToAsk } from '../../src/machine/stop/ask-power-off.ts';
import { stopMachine } from '../../src/machine/stop/stop.ts';
import { runningStandIn, type StandIn } from '../support/stand-ins/qemu-stand-in.ts';

const by = (name: string, ask: Ask['ask']): Ask => ({ by: name, ask });
const refuses = (name: string, reason: string): Ask =>
  by(name, async () => {
    throw new Error(reason);
  });
const ignores = (name: string): Ask => by(name, async () => undefined);
const obeys = (name: string, { state }: StandIn): Ask => by(name, async () => void endProcess(state, 'SIGKILL'));

test('a guest that powers off when it is asked is a clean stop, and its state is forgotten', async () => {
  const machine = await runningStandIn('obeys');
  const { context, paths, state } = machine;
  const stopped = await stopMachine(state, paths, [obeys('ssh', machine)], 10_000, context);
  expect(stopped).toMatchObject({ askedBy: 'ssh', forced: [] });
  expect(await readState(paths, context)).toBeUndefined();
});

test('a guest that does not power off in time loses its power, and that is said', async () => {
  const { context, paths, state } = await runningStandIn('obeys');
  const stopped = await stopMachine(state, paths, [ignores('ssh')], 300, context);
  expect(stopped.forced).toEqual([
    'Asked by ssh: the guest did not begin to stop.',
    'The guest did not power off within 0.3 s.',
    'QEMU was told to quit, as if the power were cut.',
  ]);
  expect(isRunning(state)).toBe(false);
});

test('where one way does not work the next is tried, and the stop is a clean one', async () => {
  const machine = await runningStandIn('obeys');
  const { context, paths, state } = machine;
  const ways = [refuses('ssh', 'no login within 10 s'), obeys('its console', machine)];
  const stopped = await stopMachine(state, paths, ways, 60_000, context);
  expect(stopped).toMatchObject({ askedBy: 'its console', forced: [] });
});

test('the last way is the power key, by QEMU', async () => {
  const { context, paths, state, told } = await runningStandIn('obeys');
  const ways = waysToAsk({ name: 'sql', vmm: 'qemu' }, paths, context).slice(-1);
  const stopped = await stopMachine(state, paths, ways, 60_000, context);
  expect(stopped).toMatchObject({ askedBy: 'its power key', forced: [] });
  expect(await readFile(told, 'utf8')).toContain('system_powerdown');
});

test('a guest that cannot be asked in any way is not waited for; each refusal is told', async () => {
  const { context, paths, state } = await runningStandIn('obeys');
  const ways = [refuses('ssh', 'no login within 10 s'), refuses('its console', 'no shell')];
  const { forced } = await stopMachine(state, paths, ways, 600_000, context);
  expect(forced).toEqual([
    'Asked by ssh: no login within 10 s',
    'Asked by its console: no shell',
    'QEMU was told to quit, as if the power were cut.',
  ]);
  expect(isRunning(state)).toBe(false);
});

test('a QEMU that does not listen is killed, and that is said', async () => {
  const { context, paths, state } = await runningStandIn('deaf');
  const { forced } = await stopMachine(state, paths, [ignores('ssh')], 100, context);
  expect(forced.at(-1)).toBe('QEMU was killed (SIGKILL).');
  expect(isRunning(state)).toBe(false);
});

test('a service that had to be killed inside the guest is named; what was said before this stop is not', async () => {
  const { context, paths, state } = await runningStandIn('obeys');
  const ask = by('ssh', async () => {
    const event = { event: 'stopped', service: 'postgres', uptime: 99, forced: true };
    await appendFile(paths.eventsLog, `${JSON.stringify(event)}\n`);
    endProcess(state, 'SIGKILL');
  });
  const { forced } = await stopMachine(state, paths, [ask], 10_000, context);
  expect(forced).toEqual(['The service postgres had to be killed.']);
});
