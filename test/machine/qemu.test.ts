import { expect, test } from 'vitest';
import { type MachinePlan, qemuArgv } from '../../src/machine/qemu.ts';
import { plan } from './plan.ts';

const asText = (argv: readonly string[]): string => `${argv.join('\n')}\n`;

test.each([
  ['x86_64-tcg', plan],
  ['x86_64-kvm', { ...plan, accelerator: 'kvm' as const }],
  ['arm64-tcg', { ...plan, arch: 'arm64' as const, commandLine: 'console=ttyAMA0 quiet' }],
  ['x86_64-none', { ...plan, world: 'none' as const }],
  ['x86_64-host', { ...plan, world: 'host' as const }],
  ['arm64-kvm', { ...plan, arch: 'arm64' as const, accelerator: 'kvm' as const, hasSandbox: false }],
])('the command for %s', async (name, machine) => {
  await expect(asText(qemuArgv(machine))).toMatchFileSnapshot(`../golden/qemu/${name}.txt`);
});

test('a comma in a path stays part of the path', () => {
  const argv = qemuArgv({
    ...plan,
    disks: [{ serial: 'vmkit-data', path: '/a,b/data.img', isReadOnly: false }],
    qmpSocket: '/a,b/qmp.sock',
    consoleLog: '/a,b/console.log',
  });
  const text = argv.join(' ');
  expect(text).toContain('file.filename=/a,,b/data.img,');
  expect(text).toContain('unix:/a,,b/qmp.sock,');
  expect(text).toContain('logfile=/a,,b/console.log,');
});

const forwardsOf = (planned: MachinePlan): string[] =>
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
