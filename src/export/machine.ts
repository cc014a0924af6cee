import { VmkitError } from '../core/errors/errors.ts';
import type { MachineDescription } from '../machine/description.ts';
import { DISK_SERIALS, type DiskSerial } from '../spec/disks.ts';

/** All that an export is made from: a machine's description, and what this computer built and made for it. */
export interface ExportedMachine extends MachineDescription {
  /** Absolute path of the folder that holds the files of EXPORTED_FILES. */
  readonly folder: string;
  /** For people: `Linux 6.12.9, vmkit's own`. */
  readonly kernelText: string;
  /** The kernel is an ELF file, not a bzImage. */
  readonly isElf: boolean;
  /** The ext4 UUID of the data disk. */
  readonly dataUuid: string;
  readonly dataMib: number;
  /** Seconds after which every service should be ready. */
  readonly readyWithinS: number;
}

export interface ExportedFile {
  /** Below the folder. */
  readonly path: string;
  readonly mode: 0o644 | 0o755;
  readonly content: string;
}

/** What an engine makes of a machine. Nothing in it is a secret. */
export interface Exported {
  readonly files: readonly ExportedFile[];
  /** Commands from the first to the last, and what they are for: the README has them. */
  readonly steps: readonly string[];
  /** What is otherwise than under vmkit, a sentence or two each. */
  readonly notes: readonly string[];
}

export interface Engine {
  /** For people. */
  readonly title: string;
  /** Pure. Throws `export-cannot`. */
  readonly render: (machine: ExportedMachine) => Exported;
}

/** The files that every export has beside the engine's own, by what they are. Disks by their serial. */
export const EXPORTED_FILES = {
  kernel: 'kernel',
  initramfs: 'initramfs.cpio',
  [DISK_SERIALS.root]: 'root.img',
  [DISK_SERIALS.components]: 'components.img',
  [DISK_SERIALS.modules]: 'modules.img',
  [DISK_SERIALS.data]: 'data.img',
  [DISK_SERIALS.secrets]: 'secrets.img',
} as const satisfies Record<DiskSerial | 'kernel' | 'initramfs', string>;

/** The kernel's command line. `board` is what the engine's board needs, the console first. */
export function commandLineOf({ name, dataUuid }: ExportedMachine, board: string): string {
  return `${board} quiet panic=-1 vmkit.hostname=${name} vmkit.data=${dataUuid}`;
}

export function cannot(engine: string, machine: string, what: string, hint: string): VmkitError {
  return new VmkitError('spec', 'export-cannot', `${engine} cannot run ${machine} as it is defined: ${what}.`, {
    hint,
  });
}
