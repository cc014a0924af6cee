import type { Arch } from '../core/arch.ts';
import type { Context } from '../host/context.ts';
import { findMissing } from '../host/tools/tools.ts';
import type { ToolGroup } from '../host/tools/tools-table.ts';
import { DEFAULT_RECIPE, type KernelRecipe, type KernelSpec } from '../spec/kernel.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { Artifact } from '../store/artifact.ts';
import { findArtifact } from '../store/store.ts';
import { kernelArtifact } from './artifact.ts';
import { findPulledKernel, type PulledKernel, pulledArtifact } from './pulled-kernel.ts';
import { debianKernelArtifact } from './ready-made/debian-kernel.ts';
import { kernelAtPath } from './ready-made/kernel-at-path.ts';
import { publishersToAsk } from './sources/sources.ts';
import { kernelTools } from './toolchain.ts';

type Kernel = Pick<VmSpec, 'arch' | 'kernel'> & Partial<Pick<VmSpec, 'directory'>>;

/** What a definition's kernel is here and now: `auto` has become one of the others. */
export type ChosenKernel = Exclude<KernelSpec, { kind: 'auto' }> | PulledKernel;

/** Decides `auto`: vmkit's own kernel counts only where it is built, or came with the definition. Asks nobody, and needs no compiler. */
export async function chooseKernel({ arch, kernel, directory }: Kernel, context: Context): Promise<ChosenKernel> {
  if (kernel.kind === 'debian' || kernel.kind === 'path') return kernel;
  const pulled = directory === undefined ? undefined : await findPulledKernel(directory, context);
  if (kernel.kind === 'vmkit') {
    return pulled === undefined || (await isBuilt(arch, kernel, context)) ? kernel : pulled;
  }
  if (await isBuilt(arch, DEFAULT_RECIPE, context)) return { kind: 'vmkit', ...DEFAULT_RECIPE };
  return pulled ?? { kind: 'debian' };
}

/** The artifact of a kernel. Throws what its kind may miss: `tools-missing`, `kernel-missing`. */
export async function chosenArtifact(kernel: ChosenKernel, arch: Arch, context: Context): Promise<Artifact> {
  switch (kernel.kind) {
    case 'vmkit':
      return kernelArtifact({ arch, ...kernel }, context);
    case 'debian':
      return debianKernelArtifact(arch);
    case 'path':
      return kernelAtPath(kernel.path, arch);
    case 'pulled':
      return pulledArtifact(kernel);
  }
}

/** What the host must have for a machine's kernel. */
export async function toolsOfKernel(spec: Kernel, context: Context): Promise<readonly ToolGroup[]> {
  const { kind } = await chooseKernel(spec, context);
  if (kind === 'pulled') return [];
  return kind === 'vmkit' ? kernelTools(spec.arch) : ['modules'];
}

/** Without the compiler that it was built with, nobody can tell that it is the one that would be built. */
async function isBuilt(arch: Arch, recipe: KernelRecipe, context: Context): Promise<boolean> {
  if ((await findMissing(kernelTools(arch), context.host)).length > 0) return false;
  if ((await publishersToAsk(undefined, context)).length > 0) return false;
  return (await findArtifact(await kernelArtifact({ arch, ...recipe }, context), context)) !== undefined;
}
