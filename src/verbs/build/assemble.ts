import { join } from 'node:path';
import type { ChosenComponents } from '../../image/components/component-choice.ts';
import { kernelFiles, kernelText } from '../../kernel/kernel-files.ts';
import type { BootRequest } from '../../machine/plan.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { buildContext, type VerbContext } from '../step.ts';
import { buildParts } from './build-parts.ts';

/** The files that a machine boots from, and which artifacts they are. */
export type Assembled = Pick<BootRequest, 'files' | 'kernel' | 'artifacts'>;

/** Builds what is stale, on this computer, and says of each part whether it was cached. */
export async function assemble(spec: VmSpec, given: ChosenComponents, verb: VerbContext): Promise<Assembled> {
  const context = buildContext(verb);
  const { chosen, components, ...always } = await buildParts(spec, given, verb);
  const { kernel, root, initramfs } = always;
  if (spec.kernel.kind === 'auto' && chosen.kind === 'debian') context.report({ kind: 'note', text: WHY_DEBIAN });
  const parts = { ...always, ...(components === undefined ? {} : { components }) };
  const cached = Object.values(parts).filter((part) => part.cached);
  if (cached.length > 0) {
    const titles = cached.map((part) => part.manifest.title).join(', ');
    context.report({ kind: 'note', text: `Cached: ${titles}` });
  }
  const { boot, modules } = kernelFiles(kernel);
  return {
    files: {
      kernel: boot,
      root: join(root.directory, 'root.img'),
      initramfs: join(initramfs.directory, 'initramfs.cpio'),
      components: components === undefined ? undefined : join(components.directory, 'components.img'),
      modules,
    },
    kernel: kernelText(chosen, kernel),
    artifacts: Object.fromEntries(Object.entries(parts).map(([kind, part]) => [kind, part.key])),
  };
}

const WHY_DEBIAN =
  "The kernel is Debian's. vmkit's own starts in two thirds of the time; it is compiled once, in ten minutes or so: vmkit build-kernel";
