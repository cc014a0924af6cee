import { expect, test } from 'vitest';
import type { Host } from '../../../src/host/host.ts';
import { localHost } from '../../../src/host/local/local.ts';
import { chooseVmm, vmmChooser } from '../../../src/machine/choose-vmm.ts';
import { contextIn } from '../../support/context.ts';
import { crosvmStandIn } from '../../support/stand-ins/crosvm-stand-in.ts';

interface Phone {
  readonly programs?: readonly string[];
  readonly isRoot?: boolean;
  readonly devices?: readonly string[];
  readonly crosvm?: Parameters<typeof crosvmStandIn>[0];
  /** What its `vm info` says. */
  readonly avf?: string;
  readonly android?: string;
}

/** A fake of a host that is a phone. */
function phone({ programs = [], isRoot = true, devices = ['/dev/kvm'], crosvm, avf, android = '16' }: Phone): Host {
  const file = { kind: 'other' as const, bytes: 0, bytesOnDisk: 0, mode: 0, uid: 0, gid: 0, changedAt: 0 };
  return {
    ...localHost(),
    name: 'adb:fake',
    isHere: false,
    facts: async () => ({ machine: 'aarch64', cpus: 8, isRoot }),
    programs: async (names) => new Set(names.filter((name) => [...programs, 'getprop'].includes(name))),
    statAll: async (paths) => paths.map((path) => (devices.includes(path) ? file : undefined)),
    list: async () => (crosvm === undefined ? [] : ['crosvm']),
    exec: async (argv) => {
      if (argv[0] === 'getprop') return { exitCode: 0, stdout: `${android}\n`, stderr: '' };
      if (argv[0]?.endsWith('/vm')) return { exitCode: avf === undefined ? 127 : 0, stdout: avf ?? '', stderr: '' };
      return crosvmStandIn(crosvm ?? '17', argv);
    },
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

const BOTH = 'Both protected and non-protected VMs are supported.\n';

test('without root AVF runs them, and it is said why; what it says of itself is not asked again', async () => {
  const { vmm, says } = await choose({ isRoot: false, avf: BOTH, programs: ['qemu-system-aarch64'] });
  expect([vmm.name, says]).toEqual(['avf', 'AVF runs machines on adb:fake, since for crosvm there is no root']);
  expect(await vmm.facts('arm64', contextIn('/nonexistent'))).toMatchObject({ release: '16' });
});

test.each<[string, Phone]>([
  ["AVF that runs a kernel of one's own", { isRoot: false, avf: 'Only protected VMs are supported.\n' }],
  ["AVF that runs a kernel of one's own", { isRoot: false }],
  ['AVF for root', { crosvm: 'minimal', avf: BOTH }],
  ['Android 13 or later', { isRoot: false, avf: BOTH, android: '12' }],
])('%s: a phone that lacks it is refused with that', async (lacking, there) => {
  await expect(choose(there)).rejects.toMatchObject({ message: expect.stringContaining(`no ${lacking}`) });
});

test('a host is asked once for each architecture', async () => {
  let asked = 0;
  const there = phone({ crosvm: '17' });
  const list: Host['list'] = (folder) => {
    asked += 1;
    return there.list(folder);
  };
  const host: Host = { ...there, list };
  const choosing = vmmChooser({ host, signal: new AbortController().signal });
  await Promise.all([choosing('arm64'), choosing('arm64')]);
  await choosing('arm64');
  expect(asked).toBe(1);
});

test('every other host takes QEMU, and nothing is said of it', async () => {
  const { vmm, says } = await chooseVmm('x86_64', { host: localHost(), signal: new AbortController().signal });
  expect([vmm.name, says]).toEqual(['qemu', undefined]);
});
