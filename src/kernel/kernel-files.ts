import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import type { Built } from '../store/artifact.ts';
import type { ChosenKernel } from './choose-kernel.ts';
import { MODULES_IMAGE, STAGE1_FOLDER } from './ready-made/install-modules.ts';

/** What a machine is given of a kernel's artifact. Absolute paths. */
export interface KernelFiles {
  /** What QEMU enters: the ELF file (PVH) where there is one, without real mode and decompression. */
  readonly boot: string;
  /** Both undefined for a kernel without modules. */
  readonly modules: string | undefined;
  readonly stage1Modules:
    | readonly { readonly name: string; readonly path: string; readonly sha256: string }[]
    | undefined;
}

export function kernelFiles({ directory, manifest: { outputs } }: Pick<Built, 'directory' | 'manifest'>): KernelFiles {
  const hasModules = MODULES_IMAGE in outputs;
  const early = Object.entries(outputs).filter(([path]) => dirname(path) === STAGE1_FOLDER);
  return {
    boot: join(directory, 'vmlinux' in outputs ? 'vmlinux' : 'kernel'),
    modules: hasModules ? join(directory, MODULES_IMAGE) : undefined,
    stage1Modules: hasModules
      ? early.map(([path, { sha256 }]) => ({ name: basename(path), path: join(directory, path), sha256 }))
      : undefined,
  };
}

const facts = z.object({ release: z.string() });

/** For people: `Linux 6.12.9, vmkit's own`. */
export function kernelText(kernel: ChosenKernel, { manifest }: Pick<Built, 'manifest'>): string {
  const from = {
    vmkit: "vmkit's own",
    debian: "Debian's, signed",
    path: kernel.kind === 'path' ? kernel.path : '',
    pulled: `pulled: ${manifest.title}`,
  };
  return `Linux ${facts.parse(manifest.facts).release}, ${from[kernel.kind]}`;
}
