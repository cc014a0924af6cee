import { join } from 'node:path';
import { BUILD_TOOLS, requireTools } from '../../../host/tools/tools.ts';
import { chooseComponents } from '../../../image/components/component-choice.ts';
import { chooseKernel } from '../../../kernel/choose-kernel.ts';
import { withKernel } from '../../../spec/kernel.ts';
import { loadVm } from '../../../spec/read/load.ts';
import type { Built } from '../../../store/artifact.ts';
import { buildImageParts } from '../../../verbs/build/build-parts.ts';
import { buildContext } from '../../../verbs/step.ts';
import { defineCommand } from '../../parse/command.ts';
import { COMPONENT, DEFINITION, KERNEL } from '../../parse/positionals.ts';
import { durationText } from '../../show/progress-lines.ts';
import { table } from '../../show/table.ts';

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
  /** Undefined for one of vmkit's own, which `build-kernel` builds. */
  readonly kernel: ImageFile | undefined;
}

export const command = defineCommand({
  usage: 'build-image <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', DEFINITION)
      .option('component', COMPONENT)
      .option('arch', {
        choices: ['x86_64', 'arm64'] as const,
        describe: 'Architecture of the guest, if the definition names none',
      })
      .option('rebuild', {
        type: 'boolean',
        default: false,
        describe: 'Build the root file system again, with the newest Debian packages',
      })
      .option('kernel', KERNEL)
      .option('setup', { type: 'boolean', default: false, describe: 'Install what this computer lacks' }),
  run: async ({ vm, component, kernel: option, arch, rebuild, setup }, verb): Promise<ImageResult> => {
    const context = buildContext(verb);
    const spec = withKernel(await loadVm(vm, { ...context, arch }), option, process.cwd());
    const chosen = chooseComponents(component, process.env, spec, process.cwd());
    const kernelChoice = await chooseKernel(spec, context);
    const isReadyMade = kernelChoice.kind !== 'vmkit';
    await requireTools([...(isReadyMade ? (['modules'] as const) : []), ...BUILD_TOOLS], context, { setup });
    const { kernel, root, initramfs, components } = await buildImageParts(kernelChoice, spec, chosen, rebuild, verb);
    return {
      name: spec.name,
      kernel: kernel === undefined ? undefined : fileOf(kernel, 'kernel'),
      root: fileOf(root, 'root.img'),
      packages: join(root.directory, 'packages.txt'),
      initramfs: fileOf(initramfs, 'initramfs.cpio'),
      components: components === undefined ? undefined : fileOf(components, 'components.img'),
    };
  },
  text: ({ root, packages, initramfs, components, kernel }) =>
    table([
      ...[root, initramfs, components, kernel].flatMap((file) =>
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
