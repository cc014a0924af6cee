import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { withoutTrial } from '../../src/machine/accelerator.ts';
import { runTrial } from '../../src/machine/trial.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { plan } from './plan.ts';

afterEach(() => void vi.unstubAllEnvs());

/** A program that takes QEMU's name and does what QEMU may do with KVM. Descriptor 8 is the console's log, 9 that of the events. */
async function standIn(folder: string, script: string): Promise<void> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'qemu-system-x86_64'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}${delimiter}${process.env['PATH']}`);
}

describe('a trial of KVM', () => {
  test('passes with the first event, and does not wait for the end', async () => {
    const folder = await temporaryFolder();
    await standIn(folder, `echo '{"event":"phase","phase":"init","uptime":0.4}' >&9; exec sleep 60`);
    expect(await runTrial({ ...plan, accelerator: 'kvm' }, contextIn(folder), 10_000)).toEqual({ passed: true });
  });

  test('fails when QEMU aborts; what it said is told', async () => {
    const folder = await temporaryFolder();
    await standIn(folder, 'echo "kvm: Assertion failed" >&2; kill -ABRT $$');
    const context = contextIn(folder);
    const outcome = await runTrial({ ...plan, accelerator: 'kvm' }, context, 10_000);
    expect(outcome).toEqual({ passed: false, reason: 'KVM opens but QEMU aborts with it' });
    expect(context.progress).toContainEqual({ kind: 'note', text: expect.stringContaining('Assertion failed') });
  });

  test('fails when the guest says nothing on its port, whatever it prints on the console, and ends it', async () => {
    const folder = await temporaryFolder();
    await standIn(
      folder,
      `echo $$ >${folder}/pid; echo '{"event":"phase","phase":"init","uptime":0.4}' >&8; exec sleep 60`,
    );
    const outcome = await runTrial({ ...plan, accelerator: 'kvm' }, contextIn(folder), 500);
    expect(outcome).toEqual({ passed: false, reason: 'KVM opens but runs no guest' });
  });
});

test.each([
  ['x86_64', 'x86_64', 'opens', undefined],
  ['arm64', 'aarch64', 'opens', undefined],
  ['arm64', 'x86_64', 'opens', 'an arm64 guest on an x86_64 host'],
  ['x86_64', 'x86_64', 'absent', 'there is no /dev/kvm'],
  ['x86_64', 'x86_64', 'no-permission', 'no permission on /dev/kvm (group kvm)'],
] as const)('%s on %s where /dev/kvm %s', (arch, machine, device, reason) => {
  expect(withoutTrial(arch, machine, device)).toBe(reason);
});
