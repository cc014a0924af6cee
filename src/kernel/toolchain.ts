import type { Arch } from '../core/arch.ts';
import type { Context } from '../host/context.ts';
import { isProgram, searchPath } from '../host/local/search-path.ts';
import { toolVersion } from '../host/tools/tool-version.ts';
import { requireTools } from '../host/tools/tools.ts';
import type { ToolGroup } from '../host/tools/tools-table.ts';

/** What differs between the processors that a kernel is built for. `image` is a make target and `boot/<image>` its output. */
export const TARGETS = {
  x86_64: { arch: 'x86_64', folder: 'x86', image: 'bzImage', machine: 'x86_64', triplet: 'x86_64-linux-gnu-' },
  // crosvm loads a raw Image only; QEMU takes it as well.
  arm64: { arch: 'arm64', folder: 'arm64', image: 'Image', machine: 'aarch64', triplet: 'aarch64-linux-gnu-' },
} as const;

export interface Toolchain {
  /** Prefix of the tools' names; empty on a host of the same architecture. */
  readonly crossCompile: string;
  /** First line of `gcc --version` and `ld --version`: both decide the output. */
  readonly gcc: string;
  readonly ld: string;
  readonly hasCcache: boolean;
}

/** What a host must have to build a kernel for `arch`, in the groups of host/tools/tools-table.ts. */
export function kernelTools(arch: Arch): readonly ToolGroup[] {
  return ['kernel', `kernel-${arch}`];
}

/** The compiler for `arch` on this host. Throws `tools-missing` with everything that a build lacks. */
export async function findToolchain(arch: Arch, context: Context): Promise<Toolchain> {
  await requireTools(kernelTools(arch), context);
  const { machine } = await context.host.facts();
  const crossCompile = machine === TARGETS[arch].machine ? '' : TARGETS[arch].triplet;
  const [gcc, ld] = await Promise.all([
    toolVersion(`${crossCompile}gcc`, context),
    toolVersion(`${crossCompile}ld`, context),
  ]);
  return { crossCompile, gcc, ld, hasCcache: isProgram('ccache', searchPath(process.env['PATH'] ?? '')) };
}
