import { expect, test } from 'vitest';
import type { PlacedMachine } from '../../../src/machine/placing.ts';
import { openFiles, qemuArgv } from '../../../src/machine/vmm/qemu/argv.ts';
import { plan } from '../plan.ts';

const asText = (argv: readonly string[]): string => `${argv.join('\n')}\n`;

test.each([
  ['x86_64-tcg', plan],
  ['x86_64-kvm', { ...plan, accelerator: 'kvm' as const }],
  ['arm64-tcg', { ...plan, arch: 'arm64' as const, commandLine: 'console=ttyAMA0 quiet' }],
  ['x86_64-none', { ...plan, network: { kind: 'user' as const, world: 'none' as const, hostAccess: [] } }],
  ['x86_64-host', { ...plan, network: { kind: 'user' as const, world: 'host' as const, hostAccess: [] } }],
  [
    'arm64-kvm',
    { ...plan, arch: 'arm64' as const, accelerator: 'kvm' as const, facts: { ...plan.facts, hasSandbox: false } },
  ],
])('the command for %s', async (name, machine) => {
  await expect(asText(qemuArgv(machine))).toMatchFileSnapshot(`../../golden/qemu/${name}.txt`);
});

test('no path of the host is in the command: all files are given open', () => {
  expect(qemuArgv(plan).filter((word) => /[=:]\/(?!dev\/(fdset\/|null,))/.test(word))).toEqual([]);
  expect(openFiles(plan).map(({ fd, path, access }) => [fd, path, access])).toEqual([
    [3, '/cache/kernel/kernel', 'read'],
    [4, '/cache/initramfs/initramfs.cpio', 'read'],
    [5, '/cache/root/root.img', 'read'],
    [6, '/data/sql/data.img', 'write'],
    [7, undefined, 'read'],
    [8, '/state/sql/console.log', 'record'],
    [9, '/state/sql/events.log', 'record'],
  ]);
});

test('a macvtap is given open, too', () => {
  const network = { kind: 'macvtap', on: 'eth0', address: '192.168.1.50/24' } as const;
  const lan = { ...plan, network, device: '/dev/tap7' };
  expect(openFiles(lan).at(-1)).toMatchObject({ fd: 10, path: '/dev/tap7', access: 'write' });
  expect(qemuArgv(lan)).toContain('tap,id=net1,fd=10');
});

const forwardsOf = (planned: PlacedMachine): string[] =>
  qemuArgv(planned).flatMap((word) => word.split(',').filter((part) => part.startsWith('hostfwd=')));

test('only a tunnel has a port on every address of the host', () => {
  const forwards = [{ protocol: 'udp', hostPort: 51820, guestPort: 51820 } as const];
  expect(forwardsOf({ ...plan, forwards })).toEqual(['hostfwd=udp:0.0.0.0:51820-10.0.2.15:51820']);
});

test('no other port is opened but on 127.0.0.1', () => {
  const forwards = forwardsOf(plan);
  expect(forwards).toHaveLength(2);
  for (const forward of forwards) expect(forward).toMatch(/^hostfwd=tcp:127\.0\.0\.1:\d+-10\.0\.2\.15:\d+$/);
});
