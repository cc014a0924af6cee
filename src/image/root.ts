import { join } from 'node:path';
import { type Arch, archOf } from '../core/arch.ts';
import { VmkitError } from '../core/errors/errors.ts';
import { DEBIAN_SUITE } from '../core/suite.ts';
import type { Context } from '../host/context.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { Artifact } from '../store/artifact.ts';
import { DEBIAN_ARCHITECTURES, DEBIAN_EPOCH, runMmdebstrap } from '../store/mmdebstrap.ts';
import { withScratchFolder } from '../store/scratch-folder.ts';
import { packSquashfs, SQUASHFS_OPTIONS } from '../store/squashfs.ts';
import { ensureArtifact } from '../store/store.ts';
import { putNativePrograms, takeNativePrograms } from './foreign/foreign-hooks.ts';
import { nativeProgramsArtifact } from './foreign/native-programs.ts';
import { type DebianPackage, parseDpkgStatus, renderPackages } from './packages.ts';
import { rootRecipe } from './root-recipe.ts';

/**
 * The read-only root file system: Debian with the packages of the machine. Outputs: `root.img` (squashfs) and `packages.txt`.
 * The key does not follow Debian's updates: a machine keeps its image until it is rebuilt.
 */
export function rootArtifact(spec: Pick<VmSpec, 'arch' | 'packages' | 'services' | 'suite' | 'olderSuite'>): Artifact {
  const { arch, suite, olderSuite } = spec;
  const { packages, essentialHook, customizeHook } = rootRecipe(spec);
  const title = `root file system ${arch}${suite === DEBIAN_SUITE ? '' : ` ${suite}`}${olderSuite === undefined ? '' : ` with ${olderSuite}`}`;
  return {
    kind: 'root',
    title,
    inputs: {
      recipe: 2,
      suite,
      ...(olderSuite === undefined ? {} : { olderSuite }),
      arch,
      packages,
      essentialHook,
      customizeHook,
      epoch: DEBIAN_EPOCH,
      squashfs: SQUASHFS_OPTIONS,
    },
    build: (directory, context) =>
      withScratchFolder(directory, async (scratch) => {
        const archive = join(scratch, 'root.tar');
        const here = archOf((await context.host.facts()).machine);
        const foreign = here === undefined || here === arch ? [] : await foreignHooks(here, context);
        const args = [
          '--variant=essential',
          `--architectures=${DEBIAN_ARCHITECTURES[arch]}`,
          `--include=${packages.join(',')}`,
          // The folder is thrown away if anything fails, so dpkg need not sync each file.
          '--dpkgopt=force-unsafe-io',
          ...foreign,
          `--essential-hook=${essentialHook}`,
          `--customize-hook=${customizeHook}`,
          '--format=tar',
        ];
        await runMmdebstrap(args, { doing: `Building the ${title}`, target: archive, suite, olderSuite }, context);
        context.report({ kind: 'phase', text: 'packs the root file system' });
        const installed = await listPackages(archive, context);
        await context.host.write(join(directory, 'packages.txt'), renderPackages(installed));
        await packSquashfs(archive, join(directory, 'root.img'), context);
        return { packages: installed.length };
      }),
  };
}

/** What lets a root for another processor be installed in a fraction of the time. `here` is this computer's. */
async function foreignHooks(here: Arch, context: Context): Promise<string[]> {
  const { directory } = await ensureArtifact(nativeProgramsArtifact(here), context);
  const programs = join(directory, 'programs.tar');
  return [`--extract-hook=${putNativePrograms(programs)}`, `--customize-hook=${takeNativePrograms(programs)}`];
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

const OLD_AFTER_DAYS = 30;

/** What to say of a root that was built long ago: Debian has had security updates since. `builtAt` is ISO 8601, `now` milliseconds. */
export function ageNote(builtAt: string, vm: string, now: number): string | undefined {
  const days = Math.floor((now - Date.parse(builtAt)) / 86_400_000);
  if (days < OLD_AFTER_DAYS) return undefined;
  return `The root file system is ${days} days old. Debian's security updates since then: vmkit build-image ${vm} --rebuild`;
}
