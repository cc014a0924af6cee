import { resolve } from 'node:path';
import { VmkitError } from '../core/errors/errors.ts';

/** What one of vmkit's own kernels is made from. */
export interface KernelRecipe {
  /** A name in kernel-configs/profiles.yaml. */
  readonly profile: string;
  /** Absolute paths of the user's own fragments; a later one overrides an earlier one. */
  readonly fragments: readonly string[];
}

/** Which kernel a machine boots. */
export type KernelSpec =
  /** vmkit's own where it is built already, else Debian's. */
  | { readonly kind: 'auto' }
  | ({ readonly kind: 'vmkit' } & KernelRecipe)
  | { readonly kind: 'debian' }
  /** Absolute path of a kernel that somebody else built, or of a folder that holds it with its modules. */
  | { readonly kind: 'path'; readonly path: string };

/** What vmkit builds where nobody asks for something else. */
export const DEFAULT_RECIPE: KernelRecipe = { profile: 'default', fragments: [] };

/** The words that are no path. A path has a `/`, so that a word with a slip in it is told from one. */
const KERNEL_WORDS = ['auto', 'vmkit', 'debian'] as const;

export function isKernelChoice(text: string): boolean {
  return text.includes('/') || KERNEL_WORDS.some((word) => word === text);
}

/** A choice that `isKernelChoice` accepts; a relative path counts from `directory`. */
export function readKernelChoice(text: string, directory: string): KernelSpec {
  switch (text) {
    case 'auto':
    case 'debian':
      return { kind: text };
    case 'vmkit':
      return { kind: text, ...DEFAULT_RECIPE };
    default:
      return { kind: 'path', path: resolve(directory, text) };
  }
}

/** The machine with the kernel that the option `--kernel` names; `vmkit` keeps what its definition builds it from. Throws `bad-usage`. */
export function withKernel<Spec extends { readonly kernel: KernelSpec }>(
  spec: Spec,
  option: string | undefined,
  cwd: string,
): Spec {
  if (option === undefined) return spec;
  if (!isKernelChoice(option)) {
    throw new VmkitError(
      'usage',
      'bad-usage',
      `--kernel ${option}: expected auto, vmkit, debian, or a path with a /.`,
      {
        hint: `A kernel in the current folder is --kernel ./${option}`,
      },
    );
  }
  const kernel = readKernelChoice(option, cwd);
  return kernel.kind === 'vmkit' && spec.kernel.kind === 'vmkit' ? spec : { ...spec, kernel };
}
