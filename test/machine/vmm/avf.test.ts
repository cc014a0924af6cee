import { describe, expect, test } from 'vitest';
import { avf } from '../../../src/machine/vmm/avf/avf.ts';
import { avfScript } from '../../../src/machine/vmm/avf/avf-script.ts';
import { cidIn } from '../../../src/machine/vmm/avf/cid.ts';
import { avfConfig, KERNEL_PARAMETERS, vmRunArgv } from '../../../src/machine/vmm/avf/config.ts';
import { isAtLeast, releaseOf } from '../../../src/machine/vmm/avf/release.ts';
import { AVF_RELEASES } from '../../../src/machine/vmm/vmm-facts.ts';
import { plan } from '../plan.ts';

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
    await expect(text).toMatchFileSnapshot(`../../golden/avf/${release.replace(' ', '-')}.txt`);
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

test('the script that becomes `vm run`', async () => {
  const { argv } = avf.command({ ...machine, facts: { version: '', hasSandbox: true, release: '16' } });
  const script = avfScript({
    argv,
    config: '{ "it": "is another test\'s" }\n',
    logs: machine.logs,
    lock: { path: '/data/local/tmp/power.lock', record: { name: 'sql' } },
    folder: '/data/local/tmp/run',
    inputBytes: 512,
    consoleSocket: '/data/local/tmp/run/console.sock',
  });
  await expect(script).toMatchFileSnapshot('../../golden/avf/start.sh');
});

test('disks are found by the label of their partition', () => {
  const config = JSON.parse(avfConfig(machine, place, '14'));
  expect(config.disks.map((disk: { partitions: { label: string }[] }) => disk.partitions[0]?.label)).toEqual(
    machine.disks.map(({ serial }) => serial),
  );
  expect(config.disks.filter((disk: { writable: boolean }) => disk.writable)).toHaveLength(1);
});

test('the address on vsock is in what `vm run` says of itself, of each release', () => {
  // vm/src/run.rs: Android 13 and 14; then 14 QPR2 and later.
  expect(cidIn('Created VM from /d/vm.json with CID 10, state is STARTING.\n')).toBe(10);
  expect(cidIn('Created debuggable VM from "/d/vm.json" with CID 2050, state is STARTING.\n')).toBe(2050);
  expect(cidIn('Error: Failed to create VM\n')).toBeUndefined();
});

test.each([
  ['12', undefined],
  ['13', '13'],
  ['14', '14'],
  ['16', '16'],
  ['17', '17'],
  // One that is newer than all that was read.
  ['18', '17'],
  ['', undefined],
])('a phone that says Android %s is asked as %s', (version, release) => {
  expect(releaseOf(version)).toBe(release);
});
