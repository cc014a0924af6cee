import { join } from 'node:path';
import { requireTools } from '../../host/tools/tools.ts';
import { busyboxArtifact } from '../../image/busybox.ts';
import { chooseComponents } from '../../image/components/component-choice.ts';
import { componentsArtifact } from '../../image/components/components.ts';
import { initramfsArtifact } from '../../image/initramfs.ts';
import { ageNote, rootArtifact } from '../../image/root.ts';
import { guestTree } from '../../init/guest-tree.ts';
import { loadVm } from '../../spec/read/load.ts';
import type { Artifact, Built } from '../../store/artifact.ts';
import { ensureArtifact } from '../../store/store.ts';
import { buildContext, runStep, type VerbContext } from '../../verbs/step.ts';
import { defineCommand } from '../parse/command.ts';
import { durationText } from '../show/progress-lines.ts';
import { table } from '../show/table.ts';

interface ImageFile {
  readonly title: string;
  readonly key: string;
  readonly path: string;
  readonly bytes: number;
  readonly state: 'built' | 'cached';
  readonly builtAt: string;
  readonly buildMs: number;
}

interface ImageResult {
  readonly name: string;
  readonly root: ImageFile;
  /** `NAME VERSION`, one a line. */
  readonly packages: string;
  readonly initramfs: ImageFile;
  readonly components: ImageFile | undefined;
}

export const command = defineCommand({
  usage: 'build-image <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', { type: 'string', demandOption: true, describe: 'A name, or the path of a definition' })
      .option('component', {
        type: 'string',
        array: true,
        default: [],
        describe: 'Use this executable: NAME=PATH; may be repeated',
      })
      .option('arch', {
        choices: ['x86_64', 'arm64'] as const,
        describe: 'Architecture of the guest, if the definition names none',
      })
      .option('rebuild', {
        type: 'boolean',
        default: false,
        describe: 'Build the root file system again, with the newest Debian packages',
      })
      .option('setup', { type: 'boolean', default: false, describe: 'Install what this computer lacks' }),
  run: async ({ vm, component, arch, rebuild, setup }, verb): Promise<ImageResult> => {
    const context = buildContext(verb);
    const spec = await loadVm(vm, { ...context, arch });
    const chosen = chooseComponents(component, process.env, spec, process.cwd());
    await requireTools(['debian', 'image'], context, { setup });
    const components = await runStep(
      { title: 'components', run: (inner) => componentsArtifact(spec, chosen, inner) },
      context,
    );
    const busybox = await ensure(busyboxArtifact(spec.arch), context);
    const initramfs = await ensure(initramfsArtifact(spec.name, guestTree(spec), busybox), context);
    const root = await ensure(rootArtifact(spec), context, rebuild);
    const note = ageNote(root.manifest.builtAt, spec.name, Date.now());
    if (note !== undefined) context.report({ kind: 'note', text: note });
    return {
      name: spec.name,
      root: fileOf(root, 'root.img'),
      packages: join(root.directory, 'packages.txt'),
      initramfs: fileOf(initramfs, 'initramfs.cpio'),
      components: components === undefined ? undefined : fileOf(await ensure(components, context), 'components.img'),
    };
  },
  text: ({ root, packages, initramfs, components }) =>
    table([
      ...[root, initramfs, components].flatMap((file) =>
        file === undefined
          ? []
          : [
              [
                file.title,
                `${(file.bytes / 1e6).toFixed(1)} MB`,
                `${file.state} (${durationText(file.buildMs)})`,
                file.path,
              ],
            ],
      ),
      ['packages', '', '', packages],
    ]),
});

function ensure(artifact: Artifact, context: VerbContext, rebuild = false): Promise<Built> {
  const { title } = artifact;
  return runStep(
    {
      title,
      run: (inner) => ensureArtifact(artifact, inner, { rebuild }),
      done: ({ cached }) => `${title}${cached ? ' (cached)' : ''}`,
    },
    context,
  );
}

function fileOf({ directory, key, manifest, cached }: Built, name: string): ImageFile {
  return {
    title: manifest.title,
    key,
    path: join(directory, name),
    bytes: manifest.outputs[name]?.bytes ?? 0,
    state: cached ? 'cached' : 'built',
    builtAt: manifest.builtAt,
    buildMs: manifest.durationMs,
  };
}
