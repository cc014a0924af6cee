import { expect, test } from 'vitest';
import { type BootProgress, currentStep, emptyProgress, withEvent, withLine } from '../../src/machine/boot-progress.ts';
import { conditionOf } from '../../src/machine/status.ts';
import { parseGuestEvent } from '../../src/spec/guest-event.ts';

function after(lines: readonly string[], services: readonly string[] = ['ssh', 'postgres', 'miniflux']): BootProgress {
  return lines.reduce((progress, line) => {
    const event = parseGuestEvent(line);
    return event === undefined ? withLine(progress, line) : withEvent(progress, event);
  }, emptyProgress(services));
}

const say = (event: Record<string, unknown>): string => `vmkit-event ${JSON.stringify(event)}`;

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

test('the panic that follows a refusal does not hide the refusal', () => {
  const { end } = after([
    say({ event: 'fatal', code: 'data-disk-missing', message: 'no disk', uptime: 1 }),
    '[    1.2] Kernel panic - not syncing: Attempted to kill init!',
  ]);
  expect(end).toEqual({ kind: 'fatal', code: 'data-disk-missing', message: 'no disk', uptime: 1 });
});

test('a kernel panic ends the boot', () => {
  const { end } = after(['[    0.9] Kernel panic - not syncing: VFS: Unable to mount root fs']);
  expect(end).toEqual({ kind: 'panic', line: '[    0.9] Kernel panic - not syncing: VFS: Unable to mount root fs' });
});

test('a service that ends and comes back is counted, and is ready again only when it says so', () => {
  const lines = [
    say({ event: 'start', service: 'ssh', uptime: 1 }),
    say({ event: 'exit', service: 'ssh', uptime: 1.5, code: 1 }),
    say({ event: 'start', service: 'ssh', uptime: 2.5 }),
  ];
  expect(after(lines).services.get('ssh')).toEqual({ state: 'starting', startedAt: 2.5, readyAt: undefined, ends: 1 });
});

test('garbage is no event', () => {
  const lines = ['vmkit-event {"event":"boot', 'vmkit-event {"event":"nonsense","uptime":1}', '\u0000\u001b[2J', ''];
  expect(after(lines)).toEqual(emptyProgress(['ssh', 'postgres', 'miniflux']));
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
