import type { PlacedMachine } from '../../placing.ts';

/** A file that a monitor is given open, so that it need not be able to walk into the folders above. */
export interface OpenFile {
  /** Of the descriptor. */
  readonly fd: number;
  readonly role: string;
  /** Undefined: the memory that standard input goes to. */
  readonly path: string | undefined;
  /** What the monitor asks for: QEMU refuses a descriptor of another mode. `record`: a pipe, whose recorder writes the file (recorder.ts). */
  readonly access: 'read' | 'write' | 'record';
}

/** Those of every machine, whatever its monitor, and `more` that this monitor opens; numbered from 3 on. */
export function machineFiles(
  { kernel, initramfs, disks, diskFiles, logs }: PlacedMachine,
  more: readonly Omit<OpenFile, 'fd'>[] = [],
): OpenFile[] {
  const files: readonly Omit<OpenFile, 'fd'>[] = [
    { role: 'kernel', path: kernel, access: 'read' },
    { role: 'initramfs', path: initramfs, access: 'read' },
    ...disks.map(({ serial, isReadOnly }) => ({
      role: serial,
      path: diskFiles[serial],
      access: isReadOnly ? ('read' as const) : ('write' as const),
    })),
    { role: 'console', path: logs.console, access: 'record' },
    { role: 'events', path: logs.events, access: 'record' },
    ...more,
  ];
  return files.map((file, at) => ({ ...file, fd: at + 3 }));
}
