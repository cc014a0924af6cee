import type { Arch } from '../../core/arch.ts';
import type { KconfigTree } from './kconfig.ts';
import { parseKconfig } from './parse.ts';

/** SRCARCH of the top makefile: the folder below arch/. */
const SOURCE_ARCH = { x86_64: 'x86', arm64: 'arm64' } as const;

/** Reads the Kconfig files of the source tree at `folder` (absolute). Synchronous; a fraction of a second for linux. */
export function readKconfigTree(folder: string, arch: Arch): KconfigTree {
  const srcArch = SOURCE_ARCH[arch];
  const variables = { ARCH: arch, SRCARCH: srcArch, HEADER_ARCH: srcArch, srctree: folder };
  const parsed = parseKconfig(folder, 'Kconfig', new Map(Object.entries(variables)));
  return { folder, arch, ...parsed };
}
