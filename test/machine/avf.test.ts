import { describe, expect, test } from 'vitest';
import { avfConfig, KERNEL_PARAMETERS, vmRunArgv } from '../../src/machine/vmm/avf/config.ts';
import { cidOf, unreachablePorts, vsockForwardArgv } from '../../src/machine/vmm/avf/forward.ts';
import { AVF_RELEASES, isAtLeast } from '../../src/machine/vmm/avf/release.ts';
import { plan } from './plan.ts';

const machine = { ...plan, arch: 'arm64' as const, commandLine: `${KERNEL_PARAMETERS} quiet panic=-1` };
const place = { fileOf: (role: string): string => `/data/local/tmp/vmkit/sql/${role}` };
const file = '/data/local/tmp/vmkit/sql/vm.json';

/** libs/vmconfig/src/lib.rs of each release: VmConfig, DiskImage, Partition. */
const KEYS = ['kernel', 'initrd', 'params', 'bootloader', 'disks', 'protected', 'memory_mib', 'platform_version'];
const SINCE = [
  { first: '14', keys: ['name'] },
  { first: '14 QPR2', keys: ['devices'] },
  { first: '15', keys: ['cpu_topology', 'console_input_device'] },
] as const;

describe.each(AVF_RELEASES)('Android %s', (release) => {
  test('has its file and its command', async () => {
    const text = `${vmRunArgv(machine, place, file, release).join('\n')}\n\n${avfConfig(machine, place, release)}`;
    await expect(text).toMatchFileSnapshot(`../golden/avf/${release.replace(' ', '-')}.txt`);
  });

  test('has no key that this release does not know, and no flag that it drops', () => {
    const since = SINCE.filter(({ first }) => isAtLeast(release, first)).flatMap(({ keys }) => keys);
    const known: readonly string[] = [...KEYS, ...since];
    const config: Record<string, unknown> = JSON.parse(avfConfig(machine, place, release));
    expect(Object.keys(config).filter((key) => !known.includes(key))).toEqual([]);
    const argv = vmRunArgv(machine, place, file, release);
    expect(argv).not.toContain('--network-supported');
    expect(argv).not.toContain('--protected');
    // What the command's own defaults would overwrite is said by the command.
    expect(argv.includes('--name')).toBe(release !== '13');
    expect(argv.includes('--cpu-topology')).toBe(release !== '13');
  });
});

test('more than one processor is all of them to AVF, and as many as asked to the kernel', () => {
  const of = (cpus: number): string =>
    `${vmRunArgv({ ...machine, cpus }, place, file, '16').join(' ')} ${avfConfig({ ...machine, cpus }, place, '16')}`;
  expect(of(1)).toContain('one_cpu');
  expect(of(1)).not.toContain('nr_cpus');
  expect(of(2)).toContain('match_host');
  expect(of(2)).toContain('nr_cpus=2');
});

test('disks are found by the label of their partition', () => {
  const config = JSON.parse(avfConfig(machine, place, '14'));
  expect(config.disks.map((disk: { partitions: { label: string }[] }) => disk.partitions[0]?.label)).toEqual(
    machine.disks.map(({ serial }) => serial),
  );
  expect(config.disks.filter((disk: { writable: boolean }) => disk.writable)).toHaveLength(1);
});

test('a machine is found in what `vm list` prints, by its whole name', () => {
  const list = `Running VMs: [
    VirtualMachineDebugInfo {
        name: "sql-test",
        cid: 2049,
        temporaryDirectory: "/data/misc/virtualizationservice/2049",
    },
    VirtualMachineDebugInfo {
        name: "sql",
        cid: 2050,
        temporaryDirectory: "/data/misc/virtualizationservice/2050",
    },
]`;
  expect(cidOf('sql', list)).toBe(2050);
  expect(cidOf('forge', list)).toBeUndefined();
  expect(vsockForwardArgv(5432, 2050, 5432)).toEqual(['forward', 'tcp:5432', 'vsock:2050:5432']);
});

test('datagrams reach no port', () => {
  const tunnel = { service: 'wireguard', name: 'wg', protocol: 'udp' as const, guestPort: 51820, hostPort: 51820 };
  expect(unreachablePorts([...plan.ports, tunnel])).toEqual([tunnel]);
});
