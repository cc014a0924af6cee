import { join } from 'node:path';
import type { Arch } from '../../core/arch.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { DEBIAN_SUITE } from '../../core/suite.ts';
import type { Artifact } from '../../store/artifact.ts';
import { DEBIAN_ARCHITECTURES, runMmdebstrap } from '../../store/mmdebstrap.ts';
import { withScratchFolder } from '../../store/scratch-folder.ts';
import { installKernel, READY_MADE_RECIPE } from './install-kernel.ts';
import { findKernelParts } from './kernel-parts.ts';

/**
 * Debian's signed cloud kernel with its modules. apt checks the archive's signature; the package is unpacked, and nothing of it runs. The key does not follow
 * Debian's updates: as with the root, a machine keeps its kernel until it is rebuilt.
 */
export function debianKernelArtifact(arch: Arch): Artifact {
  const name = `linux-image-cloud-${DEBIAN_ARCHITECTURES[arch]}`;
  return {
    kind: 'kernel',
    title: `Debian's kernel ${arch}`,
    inputs: { recipe: READY_MADE_RECIPE, suite: DEBIAN_SUITE, package: name },
    build: (directory, context) =>
      withScratchFolder(directory, async (scratch) => {
        const archive = join(scratch, 'kernel.tar');
        const args = [
          '--variant=extract',
          `--architectures=${DEBIAN_ARCHITECTURES[arch]}`,
          // A kernel depends on any program that makes an initramfs: the smallest.
          `--include=${name},tiny-initramfs`,
          '--format=tar',
        ];
        await runMmdebstrap(args, { doing: `Fetching ${name}`, target: archive, isExtractOnly: true }, context);
        const unpack = ['tar', '-x', '-f', archive, '-C', scratch, '--no-same-owner', './boot', './usr/lib/modules'];
        const { exitCode, stderr } = await context.host.exec(unpack, { signal: context.signal });
        if (exitCode !== 0) {
          throw new VmkitError(
            'build',
            'package-changed',
            `Debian's ${name} does not hold what it used to hold: ${stderr}`,
            {
              hint: "Build vmkit's own: --kernel vmkit",
            },
          );
        }
        return installKernel(await findKernelParts(scratch), arch, { directory, scratch }, context);
      }),
  };
}
