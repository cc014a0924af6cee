import { SOCKETS } from '../../../core/paths.ts';
import { networkOf } from '../../../spec/networks/networks.ts';
import type { DescribedDisk } from '../../description.ts';
import type { PlacedMachine } from '../../placing.ts';
import { machineFiles } from '../launch/open-file.ts';
import type { VmmCommand } from '../vmm.ts';
import { type Dialect, dialectOf } from './dialect.ts';

/** Where crosvm finds what it opens, and what makes its machine this host's. */
export interface CrosvmPlace {
  /** On Android below /apex/com.android.virt/bin. */
  readonly program: string;
  /** The path of a machine's file by its role: `kernel`, `initramfs`, `console`, `events`, or the serial of a disk. */
  readonly fileOf: (role: string) => string;
  readonly socket: string;
  /** What is typed on the console; a FIFO that somebody has open for writing, else crosvm waits for one. */
  readonly input: string | undefined;
  /** A TAP that is there. One that is not, crosvm makes by itself, outside every bridge, and says nothing. */
  readonly tap: string | undefined;
  /** The guest's address on vsock, from 3 on; undefined where the host has no /dev/vhost-vsock: crosvm does not start without. */
  readonly cid: number | undefined;
  /** Gunyah runs a guest only with memory of its own, which it shares through a bounce buffer (swiotlb, MiB) and cannot give back. */
  readonly hypervisor: 'kvm' | 'geniezone' | 'gunyah';
}

type Described = Pick<PlacedMachine, 'name' | 'arch' | 'cpus' | 'memoryMib' | 'disks' | 'commandLine' | 'network'>;

/** The ports that a guest on crosvm has: the console, and the one of its events. Both are 8250s, which every build has. */
export const KERNEL_PARAMETERS = 'console=ttyS0 vmkit.events=ttyS1 vmkit.cards=own';

/** The whole command. Nothing in it is a secret. `--extended-status`: exit codes say how the guest ended (exit.ts). */
export function crosvmArgv(machine: Described, place: CrosvmPlace, dialect: Dialect): string[] {
  const { fileOf } = place;
  return [
    ...[place.program, '--extended-status', 'run', '--disable-sandbox'],
    ...(dialect.hasName ? ['--name', machine.name] : []),
    // Builds for x86_64 do not know it.
    ...(dialect.hasName && machine.arch === 'arm64' ? ['--no-pmu'] : []),
    // The forms that all builds take; the memory in MiB.
    ...['-c', String(machine.cpus), '-m', String(machine.memoryMib)],
    ...(place.hypervisor === 'gunyah' ? ['--protected-vm-without-firmware', '--swiotlb', '64', '--no-balloon'] : []),
    ...machine.disks.flatMap((each) => disk(each, fileOf(each.serial), dialect)),
    ...net(machine, place, dialect),
    ...vsock(place, dialect),
    ...[
      '--serial',
      `type=file,path=${fileOf('console')},hardware=serial,num=1,console${place.input === undefined ? '' : `,input=${place.input}`}`,
    ],
    ...['--serial', `type=file,path=${fileOf('events')},hardware=serial,num=2`],
    ...['-s', place.socket],
    ...['-p', machine.commandLine],
    ...['-i', fileOf('initramfs'), fileOf('kernel')],
  ];
}

function disk({ serial, isReadOnly }: DescribedDisk, path: string, dialect: Dialect): string[] {
  if (dialect.disks === 'keys') return ['--block', `path=${path}${isReadOnly ? ',ro' : ''},id=${serial}`];
  return [isReadOnly ? '-d' : '--rwdisk', `${path},id=${serial}`];
}

function net({ network }: Described, { tap }: CrosvmPlace, dialect: Dialect): string[] {
  const { card } = networkOf(network);
  if (tap === undefined || card === undefined) return [];
  return dialect.net === 'keys' ? ['--net', `tap-name=${tap},mac=${card.mac}`] : ['--tap-name', tap];
}

function vsock({ cid }: CrosvmPlace, dialect: Dialect): string[] {
  if (cid === undefined) return [];
  return dialect.vsock === 'keys' ? ['--vsock', `cid=${cid}`] : ['--cid', String(cid)];
}

export const PROGRAM = 'crosvm';

/** For a process that has the files open and its own folder as the current one: a path of /proc/self/fd is duplicated, not opened (open_file_or_duplicate, base/src). */
export function crosvmCommand(machine: PlacedMachine): VmmCommand {
  const files = machineFiles(machine);
  const fds = new Map(files.map(({ role, fd }) => [role, fd]));
  const place: CrosvmPlace = {
    program: PROGRAM,
    fileOf: (role) => `/proc/self/fd/${fds.get(role) ?? -1}`,
    socket: SOCKETS.control,
    input: undefined,
    tap: networkOf(machine.network).card === undefined ? undefined : machine.name,
    cid: undefined,
    hypervisor: 'kvm',
  };
  return { argv: crosvmArgv(machine, place, dialectOf(machine.facts.dialect ?? 'named')), files };
}
