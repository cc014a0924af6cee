import { VIRT_PROGRAMS } from '../../../host/android/virtualization.ts';
import type { PlacedMachine } from '../../placing.ts';
import type { AvfRelease } from '../vmm-facts.ts';
import { isAtLeast } from './release.ts';

type Described = Pick<PlacedMachine, 'name' | 'memoryMib' | 'disks' | 'commandLine' | 'cpus'>;

/** Where AVF finds a machine's files, by role as in crosvm/argv.ts. All below /data/local/tmp: virtmgr opens no file with another label (check_label_is_allowed). */
export interface AvfPlace {
  readonly fileOf: (role: string) => string;
}

/**
 * The console is virtio's first, events go to the third, which is what `--log` writes (virtmgr, src/crosvm.rs: the same ports in every release). There is no network
 * card: `vm run` accepts `--network-supported` and drops it (command_run in vm/src/run.rs).
 */
export const KERNEL_PARAMETERS = 'console=hvc0 vmkit.events=hvc2 vmkit.cards=none';

/**
 * The file for `vm run`, with only the keys of that release. `name` and `cpu_topology` are in none: the command's own defaults win over them. A disk is one
 * partition with the serial's name as its label, since AVF gives no serials.
 */
export function avfConfig(machine: Described, { fileOf }: AvfPlace, release: AvfRelease): string {
  const config = {
    kernel: fileOf('kernel'),
    initrd: fileOf('initramfs'),
    params: commandLine(machine),
    disks: machine.disks.map(({ serial, isReadOnly }) => ({
      partitions: [{ label: serial, path: fileOf(serial), writable: !isReadOnly }],
      writable: !isReadOnly,
    })),
    protected: false,
    memory_mib: machine.memoryMib,
    platform_version: '~1.0',
    ...(isAtLeast(release, '15') ? { console_input_device: 'hvc0' } : {}),
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** match_host is all or one, and resets some phones at boot with all (Tensor G3 and G4); the kernel can take fewer of what it is given. */
function commandLine({ commandLine: given, cpus }: Described): string {
  return cpus === 1 ? given : `${given} nr_cpus=${cpus}`;
}

/** The command. It lives as long as the machine: whoever runs it must outlive adb's session. */
export function vmRunArgv(machine: Described, { fileOf }: AvfPlace, config: string, release: AvfRelease): string[] {
  const { name, cpus } = machine;
  return [
    ...[`${VIRT_PROGRAMS}/vm`, 'run'],
    ...(isAtLeast(release, '14') ? ['--name', name] : []),
    ...processors(cpus, release),
    ...['--console', fileOf('console'), '--log', fileOf('events')],
    config,
  ];
}

function processors(cpus: number, release: AvfRelease): string[] {
  if (!isAtLeast(release, '14')) return ['--cpus', String(cpus)];
  return ['--cpu-topology', cpus === 1 ? 'one_cpu' : 'match_host'];
}
