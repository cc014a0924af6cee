import { expect, test } from 'vitest';
import { VmkitError } from '../../../src/core/errors/errors.ts';
import { localHost } from '../../../src/host/local/local.ts';
import { onVmm, requireAbilities } from '../../../src/machine/abilities.ts';
import { describeMachine } from '../../../src/machine/plan.ts';
import { USUAL_VMM, vmmOf } from '../../../src/machine/vmm/drivers.ts';
import type { Vmm } from '../../../src/machine/vmm/vmm.ts';
import { VMMS } from '../../../src/machine/vmm/vmm-facts.ts';
import type { NetworkSpec } from '../../../src/spec/networks/network-spec.ts';
import { networkOf } from '../../../src/spec/networks/networks.ts';
import { ownService, specWith } from '../../support/spec.ts';
import { runningStandIn } from '../../support/stand-ins/qemu-stand-in.ts';
import { plan } from '../plan.ts';

const NETWORKS: readonly NetworkSpec[] = [
  { kind: 'user', world: 'none', hostAccess: [] },
  { kind: 'user', world: 'internet', hostAccess: [] },
  { kind: 'private', address: '192.168.100.2', world: 'internet', hostAccess: [] },
  { kind: 'bridge', address: '192.168.100.2' },
  { kind: 'macvtap', on: 'eth0', address: '192.168.1.50/24' },
];

/** What every driver promises; a new one is in VMMS, and so here. */
for (const name of VMMS) {
  const vmm = vmmOf({ vmm: name });
  // Who stays root opens them himself.
  const isGivenFiles = vmm.abilities.has('own-user');

  test(`${name} has its own name, and a program and a console for each architecture`, () => {
    expect(vmm.name).toBe(name);
    for (const arch of ['x86_64', 'arm64'] as const) {
      expect(vmm.program(arch)).not.toBe('');
      expect(vmm.kernelParameters(arch)).toMatch(/^console=\w+/);
    }
  });

  test(`${name}: all that a machine has is opened for it, each file once, and then no path is in the command`, () => {
    for (const network of NETWORKS.filter((each) => (networkOf(each).card?.end ?? 'stream') === 'stream')) {
      const { argv, files } = vmm.command({ ...plan, network });
      const paths = files.map(({ path }) => path);
      for (const path of [plan.kernel, plan.initramfs, ...Object.values(plan.diskFiles)]) {
        expect(paths.filter((each) => each === path)).toHaveLength(isGivenFiles ? 1 : 0);
        // AVF's are in the file that its command names.
        if (name !== 'avf') expect(argv.join(' ').includes(path)).toBe(!isGivenFiles);
      }
      if (!isGivenFiles) continue;
      expect(files.map(({ fd }) => fd)).toEqual(files.map((_, at) => at + 3));
      expect(files.find(({ path }) => path === plan.diskFiles['vmkit-data'])?.access).toBe('write');
      // What comes on standard input.
      expect(files.filter(({ path }) => path === undefined)).toHaveLength(1);
    }
  });

  test(`${name} is pure: the same machine is the same command`, () => {
    expect(vmm.command(plan)).toEqual(vmm.command(structuredClone(plan)));
  });

  test(`${name}: where nobody listens, an order throws and a question has no answer`, async () => {
    const nowhere = { controlSocket: '/nonexistent/control.sock' };
    const nobody = { pid: 2 ** 22 - 1, startTime: 1 };
    expect(await vmm.whatHolds(nobody, nowhere, localHost())).toBeUndefined();
    await expect(vmm.quit(nowhere, localHost())).rejects.toThrow(VmkitError);
    expect(await vmm.usedMib(nobody, localHost())).toBeUndefined();
  });
}

test('QEMU is what runs a machine whose state names it, and tells its memory', async () => {
  const { context, state } = await runningStandIn('obeys');
  expect(vmmOf(state)).toBe(USUAL_VMM);
  expect(await vmmOf(state).usedMib(state, context.host)).toBeGreaterThan(0);
});

test('a machine on a network that its monitor cannot have is refused, with the kind and what is lacking', () => {
  const poor: Vmm = { ...USUAL_VMM, title: 'Poor', abilities: new Set(['host-ports', 'user-network', 'stream']) };
  for (const network of NETWORKS) {
    const refusal = (): void => requireAbilities({ name: 'sql', network }, poor);
    if (network.kind === 'user' || network.kind === 'private') expect(refusal).not.toThrow();
    else expect(refusal).toThrow(`kind ${network.kind}, for which Poor lacks: ${networkOf(network).card?.end}`);
    expect(() => requireAbilities({ name: 'sql', network }, USUAL_VMM)).not.toThrow();
  }
});

test('a definition alone says what a machine consists of', () => {
  const web = { name: 'web', port: 8000, protocol: 'http' as const, hostPort: 8080 };
  const machine = describeMachine(
    specWith('demo', [ownService({ name: 'web', components: ['forgejo'], ports: [web] })]),
    { hasModules: true },
  );
  expect(machine.disks.map(({ serial }) => serial)).toEqual([
    'vmkit-root',
    'vmkit-components',
    'vmkit-modules',
    'vmkit-data',
    'vmkit-secrets',
  ]);
  expect(machine.ports).toEqual([
    { service: 'ssh', name: 'ssh', protocol: 'ssh', guestPort: 22, hostPort: undefined },
    { service: 'web', name: 'web', protocol: 'http', guestPort: 8000, hostPort: 8080 },
  ]);
  expect(describeMachine(specWith('demo', [])).disks).toHaveLength(3);
  expect(describeMachine(specWith('demo', []), { hasModules: true }).disks).toHaveLength(4);
});

test('a monitor without private links has the machine on the bridge, at the same address; what it cannot have at all is refused with what it can', () => {
  const spec = { ...specWith('sql', []), network: NETWORKS[2] ?? { kind: 'bridge' as const, address: '' } };
  const phone = vmmOf({ vmm: 'phone' });
  expect(onVmm(spec, phone, 'adb:').spec.network).toEqual({ kind: 'bridge', address: '192.168.100.2' });
  expect(onVmm(spec, USUAL_VMM, 'here')).toEqual({ spec, says: undefined });
  expect(() => requireAbilities(onVmm(spec, phone, 'adb:').spec, phone)).not.toThrow();
  expect(() => requireAbilities(onVmm(specWith('web', []), phone, 'adb:').spec, phone)).toThrow('lacks: user-network');
});

test('a monitor without network cards has the machine closed to the world, and says what is lost; one that needs others is refused', () => {
  const avf = vmmOf({ vmm: 'avf' });
  for (const network of NETWORKS) {
    const { spec, says } = onVmm({ ...specWith('sql', []), network }, avf, 'adb:');
    expect(spec.network).toEqual({ kind: 'user', world: 'none', hostAccess: [] });
    expect(says).toContain('sql has no network card under AVF');
    expect(() => requireAbilities(spec, avf)).not.toThrow();
  }
  expect(() => onVmm({ ...specWith('forge', []), needs: ['sql'] }, avf, 'adb:')).toThrow('forge needs sql');
});
