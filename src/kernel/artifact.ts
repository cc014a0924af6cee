import type { Arch } from '../core/arch.ts';
import type { Context } from '../host/context.ts';
import type { Artifact } from '../store/artifact.ts';
import { buildKernel } from './build.ts';
import { askCompilers } from './distribute.ts';
import { loadFragments, mergeFragments } from './fragments.ts';
import { resolveSource } from './sources/sources.ts';
import { findToolchain } from './toolchain.ts';

export interface KernelOptions {
  readonly arch: Arch;
  /** A name in kernel-configs/profiles.yaml. */
  readonly profile: string;
  /** Paths of the user's own fragments; a later one overrides an earlier one. */
  readonly fragments: readonly string[];
  /** kernel.org, debian, or a path. Undefined: the publishers in order. */
  readonly source?: string | undefined;
  /** Takes the newest release again instead of the locked one. */
  readonly update?: boolean | undefined;
  /** Computers that compile as well (distribute.ts); the kernel is the same. */
  readonly distribute?: readonly string[] | undefined;
}

/** Raised when the way of building changes the output. */
const RECIPE = 2;

/**
 * The kernel of a machine: outputs `kernel` (bzImage, or arm64's raw Image), `config`, and for x86_64 `vmlinux`. Its key needs the source's locked digest, the
 * fragments and two compiler versions: milliseconds. Only the first use of a source asks the network, and needs its time.
 */
export async function kernelArtifact(options: KernelOptions, context: Context): Promise<Artifact> {
  const { arch, profile } = options;
  const [fragments, toolchain] = await Promise.all([
    loadFragments(profile, arch, options.fragments, context.host).then(mergeFragments),
    findToolchain(arch, context),
  ]);
  const source = await resolveSource(options.source, context, { update: options.update });
  return {
    kind: 'kernel',
    title: `kernel ${source.version} ${arch}`,
    inputs: {
      recipe: RECIPE,
      arch,
      source: source.sha256,
      config: fragments.text,
      gcc: toolchain.gcc,
      ld: toolchain.ld,
    },
    build: async (directory, during) => {
      const distribution = await askCompilers(options.distribute ?? [], toolchain, during);
      const facts = await buildKernel({ arch, source, toolchain, fragments, distribution }, directory, during);
      const files = [...new Set(fragments.requests.map((request) => request.file))];
      return { ...facts, profile, fragments: files, source: source.title, verified: source.verified };
    },
  };
}
