import { expect, test } from 'vitest';
import type { Host } from '../../src/host/host.ts';
import { localHost } from '../../src/host/local/local.ts';
import { chooseVmm } from '../../src/machine/choose-vmm.ts';
import { crosvmStandIn } from '../support/crosvm-stand-in.ts';

interface Phone {
  readonly programs?: readonly string[];
  readonly isRoot?: boolean;
  readonly devices?: readonly string[];
  readonly crosvm?: Parameters<typeof crosvmStandIn>[0];
}

/** A fake of a host that is a phone. */
function phone({ programs = [], isRoot = true, devices = ['/dev/kvm'], crosvm }: Phone): Host {
  const file = { kind: 'other' as const, bytes: 0, bytesOnDisk: 0, mode: 0, uid: 0, gid: 0, changedAt: 0 };
  return {
    ...localHost(),
    name: 'adb:fake',
    isHere: false,
    facts: async () => ({ machine: 'aarch64', cpus: 8, isRoot }),
    programs: async (names) => new Set(names.filter((name) => [...programs, 'getprop'].includes(name))),
    statAll: async (paths) => paths.map((path) => (devices.includes(path) ? file : undefined)),
    list: async () => (crosvm === undefined ? [] : ['crosvm']),
    exec: async (argv) => crosvmStandIn(crosvm ?? '17', argv),
  };
}
const choose = (there: Phone) => chooseVmm('arm64', { host: phone(there), signal: new AbortController().signal });

test.each(['13', '15', '17'] as const)(
  'a rooted phone of Android %s runs machines on its crosvm, and says so',
  async (release) => {
    const { vmm, says } = await choose({ crosvm: release, programs: ['qemu-system-aarch64'] });
    expect(vmm.name).toBe('phone');
    expect(says).toBe('/apex/com.android.virt/bin/crosvm runs machines on adb:fake, as root, by kvm');
  },
);

test.each<[string, Phone]>([
  ['root', { crosvm: '17', isRoot: false }],
  ['hypervisor', { crosvm: '17', devices: [] }],
  ['crosvm', {}],
  ['crosvm that takes a network card (crosvm)', { crosvm: 'minimal' }],
])('a phone without %s takes QEMU where it has one, and says why; else it is refused', async (lacking, there) => {
  const { vmm, says } = await choose({ ...there, programs: ['qemu-system-aarch64'] });
  expect(vmm.name).toBe('qemu');
  expect(says).toContain(`no ${lacking}`);
  await expect(choose(there)).rejects.toMatchObject({
    code: 'phone-no-monitor',
    message: expect.stringContaining(`no ${lacking}`),
  });
});

test('every other host takes QEMU, and nothing is said of it', async () => {
  const { vmm, says } = await chooseVmm('x86_64', { host: localHost(), signal: new AbortController().signal });
  expect([vmm.name, says]).toEqual(['qemu', undefined]);
});
