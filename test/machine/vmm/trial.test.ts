import { accessSync, constants } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { onCommands } from '../../../src/core/announce.ts';
import type { PlacedMachine } from '../../../src/machine/placing.ts';
import {
  decideAccelerator,
  knownAccelerator,
  parseVerdict,
  withoutTrial,
} from '../../../src/machine/vmm/qemu/accelerator.ts';
import { runTrial } from '../../../src/machine/vmm/qemu/trial.ts';
import { contextIn } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { plan } from '../plan.ts';

afterEach(() => void vi.unstubAllEnvs());

/** The kernel and the initramfs are opened before QEMU is started. */
async function planIn(folder: string): Promise<PlacedMachine> {
  const files = { kernel: join(folder, 'kernel'), initramfs: join(folder, 'initramfs') };
  for (const file of Object.values(files)) await writeFile(file, '');
  return { ...plan, ...files, accelerator: 'kvm' };
}

/** A program that takes QEMU's name and does what QEMU may do with KVM. `$log` is the log of the events, `$console` the console's: it is given them open after kernel and initramfs. */
async function standIn(folder: string, script: string): Promise<void> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const findLog = 'console=/proc/self/fd/5 log=/proc/self/fd/6';
  await writeFile(join(bin, 'qemu-system-x86_64'), `#!/bin/sh\n${findLog}\n${script}\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}${delimiter}${process.env['PATH']}`);
}

describe('a trial of KVM', () => {
  test('passes with the first event, and does not wait for the end', async () => {
    const folder = await temporaryFolder();
    await standIn(folder, `echo '{"event":"phase","phase":"init","uptime":0.4}' >>"$log"; exec sleep 60`);
    const told: string[] = [];
    onTestFinished(onCommands((line) => void told.push(line)));
    expect(await runTrial(await planIn(folder), undefined, contextIn(folder), 10_000)).toEqual({
      passed: true,
    });
    // What -v shows.
    expect(told.join('\n')).toMatch(/^\$ bash --norc -c .*qemu-system-x86_64.*-accel.*kvm/ms);
  });

  test('fails when QEMU aborts; what it said is told', async () => {
    const folder = await temporaryFolder();
    await standIn(folder, 'echo "kvm: Assertion failed" >&2; kill -ABRT $$');
    const context = contextIn(folder);
    const outcome = await runTrial(await planIn(folder), undefined, context, 10_000);
    expect(outcome).toEqual({ passed: false, reason: 'KVM opens but QEMU aborts with it' });
    expect(context.progress).toContainEqual({ kind: 'note', text: expect.stringContaining('Assertion failed') });
  });

  test('fails when the guest says nothing on its port, whatever it prints on the console, and ends it', async () => {
    const folder = await temporaryFolder();
    await standIn(
      folder,
      `echo $$ >${folder}/pid; echo '{"event":"phase","phase":"init","uptime":0.4}' >>"$console"; exec sleep 60`,
    );
    const outcome = await runTrial(await planIn(folder), undefined, contextIn(folder), 500);
    expect(outcome).toEqual({ passed: false, reason: 'KVM opens but runs no guest' });
  });
});

describe.runIf(canOpenKvm())('the verdict on a KVM that fails', () => {
  const says = (accelerator: string): string =>
    `case "$*" in *${accelerator}*) echo '{"event":"phase","phase":"init","uptime":0.4}' >>"$log"; exec sleep 60;; esac; exit 1`;

  test.each([
    ['is kept where the same guest starts without it', says('tcg'), 'tcg'],
    ['is not kept where nothing starts', says('no-such'), undefined],
    ['is not asked for where KVM works', says('kvm'), 'kvm'],
  ])('%s', async (_what, script, kept) => {
    const folder = await temporaryFolder();
    await standIn(folder, script);
    const context = contextIn(folder);
    const trial = { machine: { ...(await planIn(folder)), arch: 'x86_64' as const }, version: '1', user: undefined };
    expect((await decideAccelerator(trial, context)).name).toBe(kept ?? 'tcg');
    expect((await knownAccelerator(trial, context))?.name).toBe(kept);
  });
});

function canOpenKvm(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return process.arch === 'x64';
  } catch {
    return false;
  }
}

test.each([
  ['x86_64', 'x86_64', 'opens', undefined],
  ['arm64', 'aarch64', 'opens', undefined],
  ['arm64', 'x86_64', 'opens', 'an arm64 guest on an x86_64 host'],
  ['x86_64', 'x86_64', 'absent', 'there is no /dev/kvm'],
  ['x86_64', 'x86_64', 'no-permission', 'no permission on /dev/kvm (group kvm)'],
] as const)('%s on %s where /dev/kvm %s', (arch, machine, device, reason) => {
  expect(withoutTrial(arch, machine, device)).toBe(reason);
});

test.each([
  [
    'a KVM that worked, until the host is booted again',
    '{"name":"kvm","reason":"KVM"}',
    { name: 'kvm', reason: 'KVM' },
  ],
  ['one that failed, for its time', '{"name":"tcg","reason":"x","validUntil":1001}', { name: 'tcg', reason: 'x' }],
  ['one that failed, later', '{"name":"tcg","reason":"x","validUntil":1000}', undefined],
  ['one that failed for ever, of an earlier vmkit', '{"name":"tcg","reason":"x"}', undefined],
  ['half a verdict', '{"name":"kv', undefined],
])('%s', (_what, text, verdict) => {
  expect(parseVerdict(text, 1000)).toEqual(verdict);
});
