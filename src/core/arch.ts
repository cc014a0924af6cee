/** An architecture of machines. */
export type Arch = 'x86_64' | 'arm64';

/** The architecture of a computer, from what `uname -m` says there; undefined where it is none of a machine's. */
export function archOf(machine: string): Arch | undefined {
  if (machine === 'x86_64') return 'x86_64';
  return machine === 'aarch64' || machine === 'arm64' ? 'arm64' : undefined;
}
