import { expect, test } from 'vitest';
import { judgeTrial } from '../../../src/machine/phone/trial-boot.ts';

/** Of Debian's kernel; the text is that of every Linux since 4.9. */
const UP = (cpus: number): string =>
  `[    0.000000] Linux version 6.12.118+deb13-cloud-arm64\n[    0.071] smp: Brought up 1 node, ${cpus} CPU${cpus === 1 ? '' : 's'}\n[    0.9] Kernel panic - not syncing`;

test.each<[string, Parameters<typeof judgeTrial>[0], string]>([
  ['all came up, and it rebooted', { exitCode: 32, console: UP(2), said: '' }, 'yes'],
  ['fewer came up', { exitCode: 32, console: UP(1), said: '' }, 'no'],
  ['a reset before anything was said', { exitCode: 32, console: '', said: '' }, 'no'],
  ['it ended as if it were off', { exitCode: 0, console: UP(2), said: '' }, 'no'],
  ['the virtual processor crashed', { exitCode: 33, console: UP(2), said: '' }, 'no'],
  ['its command line is not taken', { exitCode: 35, console: '', said: 'arg parsing failed: -m' }, 'no'],
  ['no hypervisor', { exitCode: 1, console: '', said: 'no enabled hypervisor' }, 'no'],
  ['killed', { exitCode: 137, console: UP(2), said: '' }, 'no'],
  ['the phone was lost, or it hung', { exitCode: undefined, console: UP(2), said: 'the connection was lost' }, 'no'],
])('%s: the answer is strict', (_, end, answer) => {
  const row = judgeTrial(end, 2);
  expect(row).toMatchObject({ what: 'boots with 2 processors', answer });
  expect(row.evidence).not.toBe('');
});
