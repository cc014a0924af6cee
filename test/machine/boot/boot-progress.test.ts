import { expect, test } from 'vitest';
import {
  type BootProgress,
  currentStep,
  emptyProgress,
  killedText,
  withEvent,
} from '../../../src/machine/follow/boot-progress.ts';
import { conditionOf } from '../../../src/machine/follow/status.ts';
import { parseGuestEvent } from '../../../src/spec/guest-event.ts';

function after(lines: readonly string[], services: readonly string[] = ['ssh', 'postgres', 'miniflux']): BootProgress {
  return lines.reduce((progress, line) => {
    const event = parseGuestEvent(line, services);
    return event === undefined ? progress : withEvent(progress, event);
  }, emptyProgress(services));
}

const say = (event: Record<string, unknown>): string => JSON.stringify(event);

test('a boot is over when the guest says so, and every service is ready', () => {
  const progress = after([
    say({ event: 'phase', phase: 'init', uptime: 0.7 }),
    say({ event: 'start', service: 'postgres', uptime: 1 }),
    say({ event: 'ready', service: 'postgres', uptime: 2.5 }),
    say({ event: 'booted', uptime: 3 }),
  ]);
  expect(progress.end).toEqual({ kind: 'booted', uptime: 3 });
  expect(progress.services.get('postgres')).toEqual({ state: 'ready', startedAt: 1, readyAt: 2.5, ends: 0 });
  expect(progress.services.get('miniflux')?.state).toBe('waiting');
});

test('a service that refuses its data ends the boot, until it is started again', () => {
  const refused = { event: 'refused', service: 'postgres', code: 'data-of-other-version', message: '15', uptime: 2 };
  const lines = [say({ event: 'start', service: 'postgres', uptime: 1 }), say(refused)];
  expect(after(lines).end).toMatchObject({ kind: 'fatal', code: 'data-of-other-version', message: 'postgres: 15' });
  expect(after([...lines, say({ event: 'start', service: 'ssh', uptime: 3 })]).end?.kind).toBe('fatal');
  expect(after([...lines, say({ event: 'start', service: 'postgres', uptime: 3 })]).end).toBeUndefined();
  // Neither another's service nor a code of its own invention.
  expect(after([say({ ...refused, service: 'other' })]).end).toBeUndefined();
  expect(after([say({ ...refused, code: 'disk-full' })]).end).toMatchObject({ code: 'guest-refused' });
});

test('a late service is named, with its log in clear', () => {
  const log = Buffer.from('FATAL: no space\n').toString('base64');
  const { end } = after([
    say({ event: 'start', service: 'postgres', uptime: 1 }),
    say({ event: 'late', service: 'postgres', uptime: 31, waitingFor: 'SELECT 1', log }),
  ]);
  expect(end).toEqual({
    kind: 'late',
    service: 'postgres',
    uptime: 31,
    waitingFor: 'SELECT 1',
    log: 'FATAL: no space\n',
  });
});

test('what came late and then came after all has booted: a machine that is looked at later', () => {
  const { end, services } = after([
    say({ event: 'late', service: 'postgres', uptime: 31, log: '' }),
    say({ event: 'ready', service: 'postgres', uptime: 40 }),
    say({ event: 'booted', uptime: 41 }),
  ]);
  expect(end?.kind).toBe('booted');
  expect(services.get('postgres')?.state).toBe('ready');
});

test('a service that ends and comes back is counted, and is ready again only when it says so', () => {
  const lines = [
    say({ event: 'start', service: 'ssh', uptime: 1 }),
    say({ event: 'exit', service: 'ssh', uptime: 1.5, code: 1 }),
    say({ event: 'start', service: 'ssh', uptime: 2.5 }),
  ];
  expect(after(lines).services.get('ssh')).toEqual({ state: 'starting', startedAt: 2.5, readyAt: undefined, ends: 1 });
});

test('what was killed for want of memory is counted beside its other ends', () => {
  const exit = (more: Record<string, unknown>): string => say({ event: 'exit', service: 'ssh', uptime: 2, ...more });
  const { services } = after([
    exit({ code: 137, outOfMemory: {} }),
    exit({ code: 1 }),
    exit({ code: 137, outOfMemory: { limitMib: 64 } }),
  ]);
  const outOfMemory = { times: 2, limitMib: 64 };
  expect(services.get('ssh')).toMatchObject({ ends: 3, outOfMemory });
  expect(killedText(outOfMemory)).toBe('was killed: out of memory (limit 64 MiB), 2 times');
  expect(killedText({ times: 1, limitMib: undefined })).toContain('(the machine has no more), 1 time');
});

test.each([
  ['half a line', '{"event":"boot'],
  ['an event that does not exist', say({ event: 'nonsense', uptime: 1 })],
  ['bytes', '\u0000\u001b[2J'],
  ['nothing', ''],
  ['a service that the machine does not have', say({ event: 'ready', service: 'admin', uptime: 1 })],
  ['a phase that no boot has', say({ event: 'phase', phase: '\u001b[2J', uptime: 1 })],
  ['a code that is no code', say({ event: 'fatal', code: 'a\nb', message: 'm', uptime: 1 })],
  ['a log without measure', say({ event: 'late', service: 'ssh', uptime: 1, log: 'A'.repeat(100_000) })],
  ['a time that is none', say({ event: 'booted', uptime: -1 })],
])('no event: %s', (_, line) => expect(after([line])).toEqual(emptyProgress(['ssh', 'postgres', 'miniflux'])));

test('a reader of the newest events alone knows how it stands', () => {
  const state = { ssh: 'ready', postgres: 'starting', miniflux: 'ended', admin: 'ready' };
  const { end, services } = after([say({ event: 'state', isBooted: true, uptime: 900, services: state })]);
  expect(end).toEqual({ kind: 'booted', uptime: 900 });
  expect([...services].map(([name, { state }]) => [name, state])).toEqual([
    ['ssh', 'ready'],
    ['postgres', 'starting'],
    ['miniflux', 'ended'],
  ]);
});

test('what is said again changes nothing that is known better', () => {
  const progress = after([
    say({ event: 'start', service: 'ssh', uptime: 1 }),
    say({ event: 'ready', service: 'ssh', uptime: 2 }),
    say({ event: 'booted', uptime: 3 }),
    say({ event: 'state', isBooted: true, uptime: 300, services: { ssh: 'ready' } }),
  ]);
  expect(progress.end).toEqual({ kind: 'booted', uptime: 3 });
  expect(progress.services.get('ssh')).toEqual({ state: 'ready', startedAt: 1, readyAt: 2, ends: 0 });
});

test.each([
  [[], 'before the kernel started init'],
  [[say({ event: 'phase', phase: 'network', uptime: 1 })], 'after phase network'],
  [[say({ event: 'start', service: 'postgres', uptime: 1 })], 'waiting for postgres'],
])('where a boot stands still', (lines, expected) => {
  expect(currentStep(after(lines))).toBe(expected);
});

test('a service that does not answer is unready; when it answers again it has been ready all along', () => {
  const hung = [
    say({ event: 'start', service: 'ssh', uptime: 1 }),
    say({ event: 'ready', service: 'ssh', uptime: 2 }),
    say({ event: 'booted', uptime: 2 }),
    say({ event: 'unready', service: 'ssh', uptime: 90, log: '' }),
  ];
  const silent = after(hung, ['ssh']);
  expect(silent.services.get('ssh')).toMatchObject({ state: 'unready', readyAt: 2, unreadyAt: 90 });
  expect(conditionOf(silent)).toBe('degraded');
  const again = after([...hung, say({ event: 'ready', service: 'ssh', uptime: 150 })], ['ssh']);
  expect(again.services.get('ssh')).toMatchObject({ state: 'ready', readyAt: 2 });
  expect(conditionOf(again)).toBe('running');
});

test('a machine whose service ended after the boot is degraded until that is ready again', () => {
  const ended = [
    say({ event: 'ready', service: 'ssh', uptime: 2 }),
    say({ event: 'booted', uptime: 2 }),
    say({ event: 'exit', service: 'ssh', uptime: 50, code: 1 }),
  ];
  expect(conditionOf(after(ended, ['ssh']))).toBe('degraded');
  const restarted = [...ended, say({ event: 'ready', service: 'ssh', uptime: 52 })];
  expect(conditionOf(after(restarted, ['ssh']))).toBe('running');
});

test('a clock that was set forward changes nothing else', () => {
  expect(after([say({ event: 'clock', uptime: 40, forward: 20 })])).toEqual(after([]));
});

test.each([
  ['data-disk-foreign', { code: 'data-disk-foreign', message: 'no' }],
  // An error that vmkit has, and stage 1 has not.
  ['interrupted', { code: 'guest-refused', message: 'interrupted: no' }],
  ['never-heard-of', { code: 'guest-refused', message: 'never-heard-of: no' }],
])('a refusal with the code %s is believed only where stage 1 has it', (code, expected) => {
  expect(after([say({ event: 'fatal', code, message: 'no', uptime: 1 })]).end).toEqual({
    kind: 'fatal',
    uptime: 1,
    ...expected,
  });
});
