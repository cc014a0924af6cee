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

/** Numbered from 3 on. */
export function numbered(files: readonly Omit<OpenFile, 'fd'>[]): OpenFile[] {
  return files.map((file, at) => ({ ...file, fd: at + 3 }));
}
