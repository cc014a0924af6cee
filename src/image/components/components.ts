import { join } from 'node:path';
import type { Arch } from '../../core/arch.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { GUEST } from '../../core/guest-paths.ts';
import type { Context } from '../../host/context.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { Artifact } from '../../store/artifact.ts';
import { sha256OfFile } from '../../store/fetch/sha256-of-file.ts';
import { withScratchFolder } from '../../store/scratch-folder.ts';
import { packFolder } from '../../store/squashfs.ts';
import { ensureArtifact, findArtifact } from '../../store/store.ts';
import { componentArtifact } from './component.ts';
import { type ChosenComponents, componentNames } from './component-choice.ts';
import { requireExecutable } from './component-executable.ts';
import { sourcesOf } from './component-sources.ts';

/** An executable that is there. */
interface Executable {
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
}

type Components = Pick<VmSpec, 'arch' | 'services'>;

/**
 * The image of a machine's components: squashfs with /opt/vmkit/bin/NAME. Undefined when it has none. What a person gives is checked first, so call it
 * before anything is built; what nobody gives is fetched now, since the image's key is the digests of its files. Output: `components.img`.
 */
export async function componentsArtifact(
  spec: Components,
  chosen: ChosenComponents,
  context: Context,
): Promise<Artifact | undefined> {
  const found = await findGiven(spec, chosen);
  for (const name of componentNames(spec)) {
    if (found.has(name)) continue;
    found.set(name, await ensureComponent(name, spec, context));
  }
  return found.size === 0 ? undefined : imageOf([...found.values()], spec.arch);
}

/** The same without fetching: 'unknown' where a component is not there yet. */
export async function findComponentsArtifact(
  spec: Components,
  chosen: ChosenComponents,
  context: Pick<Context, 'paths'>,
): Promise<Artifact | 'unknown' | undefined> {
  const found = await findGiven(spec, chosen);
  for (const name of componentNames(spec)) {
    if (found.has(name)) continue;
    const built = await findArtifact(wanted(name, spec), context);
    const sha256 = built?.manifest.outputs[name]?.sha256;
    if (built === undefined || sha256 === undefined) return 'unknown';
    found.set(name, { name, path: join(built.directory, name), sha256 });
  }
  return found.size === 0 ? undefined : imageOf([...found.values()], spec.arch);
}

async function findGiven(spec: Components, chosen: ChosenComponents): Promise<Map<string, Executable>> {
  const given = new Map<string, Executable>();
  for (const name of componentNames(spec)) {
    const path = chosen.get(name);
    if (path === undefined) continue;
    await requireExecutable(name, path, spec.arch);
    given.set(name, { name, path, sha256: await sha256OfFile(path) });
  }
  return given;
}

function wanted(name: string, spec: Components): Artifact {
  return componentArtifact(name, spec.arch, sourcesOf(name, spec));
}

async function ensureComponent(name: string, spec: Components, context: Context): Promise<Executable> {
  const { directory, manifest } = await ensureArtifact(wanted(name, spec), context);
  const sha256 = manifest.outputs[name]?.sha256;
  if (sha256 === undefined) throw new TypeError(`The artifact ${directory} holds no ${name}.`);
  return { name, path: join(directory, name), sha256 };
}

function imageOf(executables: readonly Executable[], arch: Arch): Artifact {
  const sorted = [...executables].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    kind: 'components',
    title: `components ${sorted.map(({ name }) => name).join(', ')} ${arch}`,
    inputs: { recipe: 2, executables: sorted.map(({ name, sha256 }) => ({ name, sha256 })) },
    build: async (directory, context) => {
      const image = join(directory, 'components.img');
      await withScratchFolder(directory, async (scratch) => {
        for (const { name, path, sha256 } of sorted) {
          const copy = join(scratch, GUEST.components, name);
          await run(['install', '-D', '-m', '0755', '--', path, copy], context);
          if ((await sha256OfFile(copy)) !== sha256) throw changed(name, path);
        }
        await packFolder(scratch, image, context);
      });
      return { components: sorted.length };
    },
  };
}

async function run(argv: readonly string[], context: Context): Promise<void> {
  const { exitCode, stderr } = await context.host.exec(argv, { signal: context.signal });
  if (exitCode === 0) return;
  throw new VmkitError('build', 'components-failed', `The image of the components was not made.\n${stderr.trim()}`, {
    hint: `Is there room on the disk? The command was: ${argv.join(' ')}`,
  });
}

function changed(name: string, path: string): VmkitError {
  return new VmkitError('build', 'component-changed', `${path}, the component ${name}, changed while it was read.`, {
    hint: 'Try again when the program that writes it has finished.',
  });
}
