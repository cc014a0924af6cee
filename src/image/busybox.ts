import { join } from 'node:path';
import type { Arch } from '../core/arch.ts';
import { VmkitError } from '../core/errors/errors.ts';
import { DEBIAN_SUITE } from '../core/suite.ts';
import type { Artifact } from '../store/artifact.ts';
import { DEBIAN_ARCHITECTURES, runMmdebstrap } from '../store/mmdebstrap.ts';
import { withScratchFolder } from '../store/scratch-folder.ts';

/** Debian's static busybox for the guest's architecture, unpacked and never run here. Output: `busybox`. */
export function busyboxArtifact(arch: Arch): Artifact {
  const title = `busybox ${arch}`;
  return {
    kind: 'busybox',
    title,
    inputs: { recipe: 1, suite: DEBIAN_SUITE, arch },
    build: (directory, context) =>
      withScratchFolder(directory, async (scratch) => {
        const archive = join(scratch, 'busybox.tar');
        const args = [
          '--variant=extract',
          `--architectures=${DEBIAN_ARCHITECTURES[arch]}`,
          '--include=busybox-static',
          '--format=tar',
        ];
        await runMmdebstrap(args, { doing: `Fetching ${title}`, target: archive, isExtractOnly: true }, context);
        const unpack = ['tar', '-x', '-f', archive, '-C', directory, '--strip-components=3', './usr/bin/busybox'];
        const { exitCode, stderr } = await context.host.exec(unpack, { signal: context.signal });
        if (exitCode !== 0)
          throw new VmkitError('build', 'busybox-missing', `busybox-static holds no /usr/bin/busybox: ${stderr}`);
        return { suite: DEBIAN_SUITE };
      }),
  };
}
