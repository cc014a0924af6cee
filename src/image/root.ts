import { join } from 'node:path';
import type { Artifact } from '../build/artifact.ts';
import { DEBIAN_ARCHITECTURES, DEBIAN_EPOCH, DEBIAN_SUITE, runMmdebstrap } from '../build/mmdebstrap.ts';
import { withScratchFolder } from '../build/scratch-folder.ts';
import { VmkitError } from '../core/errors.ts';
import type { Context } from '../host/context.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { type DebianPackage, parseDpkgStatus, renderPackages } from './packages.ts';
import { rootRecipe } from './root-recipe.ts';

/**
 * The read-only root file system: Debian with the packages of the machine. Outputs: `root.img` (squashfs) and `packages.txt`.
 * The key does not follow Debian's updates: the same definition gives the same image until it is rebuilt.
 */
export function rootArtifact(spec: Pick<VmSpec, 'arch' | 'packages' | 'services'>): Artifact {
  const { arch } = spec;
  const { packages, essentialHook, customizeHook } = rootRecipe(spec);
  const title = `root file system ${arch}`;
  return {
    kind: 'root',
    title,
    inputs: { recipe: 1, suite: DEBIAN_SUITE, arch, packages, essentialHook, customizeHook, epoch: DEBIAN_EPOCH },
    build: (directory, context) =>
      withScratchFolder(directory, async (scratch) => {
        const archive = join(scratch, 'root.tar');
        const args = [
          '--variant=essential',
          `--architectures=${DEBIAN_ARCHITECTURES[arch]}`,
          `--include=${packages.join(',')}`,
          // The folder is thrown away if anything fails, so dpkg need not sync each file.
          '--dpkgopt=force-unsafe-io',
          `--essential-hook=${essentialHook}`,
          `--customize-hook=${customizeHook}`,
          '--format=tar',
        ];
        await runMmdebstrap(args, { doing: `Building the ${title}`, target: archive }, context);
        context.report({ kind: 'phase', text: 'packs the root file system' });
        const installed = await listPackages(archive, context);
        await context.host.write(join(directory, 'packages.txt'), renderPackages(installed));
        await packSquashfs(archive, join(directory, 'root.img'), context);
        return { packages: installed.length };
      }),
  };
}

/** mksquashfs(1): owners, modes, device nodes and extended attributes come from the archive, so this needs no root. */
async function packSquashfs(archive: string, image: string, context: Context): Promise<void> {
  const pack = [
    'exec mksquashfs - "$2" -tar -comp zstd -Xcompression-level 6 -b 131072',
    // The archive's own top folder is ignored, and the default mode is 0777.
    `-root-mode 0755 -root-time ${DEBIAN_EPOCH} -mkfs-time ${DEBIAN_EPOCH}`,
    '-noappend -no-progress -quiet < "$1"',
  ].join(' ');
  const { exitCode, stderr } = await context.host.exec(
    ['env', '-u', 'SOURCE_DATE_EPOCH', 'sh', '-c', pack, 'sh', archive, image],
    {
      signal: context.signal,
    },
  );
  if (exitCode === 0) return;
  throw new VmkitError(
    'build',
    'mksquashfs-failed',
    `mksquashfs could not pack the root file system.\n${stderr.trim()}`,
    {
      hint: 'It must be version 4.5 or later, which reads tar archives: mksquashfs -version',
    },
  );
}

async function listPackages(archive: string, context: Context): Promise<DebianPackage[]> {
  const { stdout, exitCode, stderr } = await context.host.exec(
    ['tar', '-x', '-O', '-f', archive, './var/lib/dpkg/status'],
    {
      signal: context.signal,
    },
  );
  if (exitCode !== 0)
    throw new VmkitError('build', 'root-unreadable', `The new root has no list of packages: ${stderr}`);
  return parseDpkgStatus(stdout);
}
