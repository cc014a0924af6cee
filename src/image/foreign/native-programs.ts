import { join } from 'node:path';
import type { Arch } from '../../core/arch.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { DEBIAN_SUITE } from '../../core/suite.ts';
import type { Artifact } from '../../store/artifact.ts';
import { DEBIAN_ARCHITECTURES, runMmdebstrap } from '../../store/mmdebstrap.ts';
import { withScratchFolder } from '../../store/scratch-folder.ts';
import { PACK_PROGRAMS } from './foreign-hooks.ts';

/** What packages' installation scripts are written in, and what those start again and again. */
const PACKAGES = [
  ...['bash', 'coreutils', 'dash', 'debianutils', 'diffutils', 'dpkg', 'findutils', 'grep', 'gzip', 'mawk'],
  ...['openssl', 'perl-base', 'sed', 'tar', 'xz-utils', 'zstd'],
];

/**
 * Debian's programs of this computer's processor, which stand in for a foreign root's while its packages are installed (foreign-hooks.ts).
 * `arch` is this computer's. Output: `programs.tar`.
 */
export function nativeProgramsArtifact(arch: Arch): Artifact {
  const title = `installation programs ${arch}`;
  return {
    kind: 'native-programs',
    title,
    inputs: { recipe: 1, suite: DEBIAN_SUITE, arch, packages: PACKAGES, script: PACK_PROGRAMS },
    build: (directory, context) =>
      withScratchFolder(directory, async (scratch) => {
        const archive = join(scratch, 'all.tar');
        const args = [
          '--variant=extract',
          `--architectures=${DEBIAN_ARCHITECTURES[arch]}`,
          `--include=${PACKAGES.join(',')}`,
          '--format=tar',
        ];
        await runMmdebstrap(args, { doing: `Fetching ${title}`, target: archive, isExtractOnly: true }, context);
        const pack = ['sh', '-c', PACK_PROGRAMS, 'sh', archive, join(directory, 'programs.tar')];
        const { exitCode, stderr } = await context.host.exec(pack, { cwd: scratch, signal: context.signal });
        if (exitCode !== 0) throw new VmkitError('build', 'package-changed', `Packing ${title}: ${stderr}`);
        return { suite: DEBIAN_SUITE };
      }),
  };
}
