import { expect, test } from 'vitest';
import { type BootProgress, currentStep, emptyProgress, withEvent, withLine } from '../../src/machine/boot-progress.ts';
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
