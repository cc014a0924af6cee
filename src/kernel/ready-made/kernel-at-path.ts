import type { Arch } from '../../core/arch.ts';
import type { Artifact } from '../../store/artifact.ts';
import { sha256OfFile } from '../../store/fetch/sha256-of-file.ts';
import { withScratchFolder } from '../../store/scratch-folder.ts';
import { digestOfTree } from '../sources/local.ts';
import { installKernel, READY_MADE_RECIPE } from './install-kernel.ts';
import { findKernelParts } from './kernel-parts.ts';

/** A kernel that somebody else built, with its modules. It may change at any time, so its digest is taken each time. Throws `kernel-missing`. */
export async function kernelAtPath(path: string, arch: Arch): Promise<Artifact> {
  const parts = await findKernelParts(path);
  const { image, config, modules } = parts;
  return {
    kind: 'kernel',
    title: `kernel ${path} ${arch}`,
    inputs: {
      recipe: READY_MADE_RECIPE,
      arch,
      image: await sha256OfFile(image),
      config: config === undefined ? null : await sha256OfFile(config),
      modules: modules === undefined ? null : await digestOfTree(modules),
    },
    build: (directory, context) =>
      withScratchFolder(directory, (scratch) => installKernel(parts, arch, { directory, scratch }, context)),
  };
}
