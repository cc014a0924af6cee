import type { Context } from '../../host/context.ts';
import { busyboxArtifact } from '../../image/busybox.ts';
import type { ChosenComponents } from '../../image/components/component-choice.ts';
import { findComponentsArtifact } from '../../image/components/components.ts';
import { initramfsArtifact } from '../../image/initramfs.ts';
import { rootArtifact } from '../../image/root.ts';
import { guestTree } from '../../init/guest-tree.ts';
import { chooseKernel, chosenArtifact } from '../../kernel/choose-kernel.ts';
import { type KernelFiles, kernelFiles, kernelText } from '../../kernel/kernel-files.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { Artifact } from '../../store/artifact.ts';
import { artifactKey, findArtifact } from '../../store/store.ts';
import { buildContext, type VerbContext } from '../step.ts';

/** One artifact as it stands, before anything is built. */
export interface PlannedArtifact {
  readonly kind: string;
  readonly title: string;
  /** Undefined where it depends on an artifact that is not there yet. */
  readonly key: string | undefined;
  readonly isCached: boolean;
  /** Where it is, if it is cached. */
  readonly directory: string | undefined;
}

/** What `assemble` would find and what it would build. Builds nothing. */
export async function planArtifacts(
  spec: VmSpec,
  given: ChosenComponents,
  verb: VerbContext,
): Promise<PlannedArtifact[]> {
  const context = buildContext(verb);
  const components = await findComponentsArtifact(spec, given, context);
  const busyboxPlan = busyboxArtifact(spec.arch);
  const busybox = await findArtifact(busyboxPlan, context);
  const title = `initramfs of ${spec.name}`;
  const kernelPlan = await chosenArtifact(await chooseKernel(spec, context), spec.arch, context);
  const kernel = await findArtifact(kernelPlan, context);
  return [
    ...(components === undefined
      ? []
      : [components === 'unknown' ? unknown('components', 'components') : await planned(components, context)]),
    await planned(busyboxPlan, context),
    busybox === undefined || kernel === undefined
      ? unknown('initramfs', title)
      : await planned(
          initramfsArtifact(spec.name, guestTree(spec), busybox, kernelFiles(kernel).stage1Modules),
          context,
        ),
    await planned(rootArtifact(spec), context),
    await planned(kernelPlan, context),
  ];
}

/** What the monitor would be given of the machine's kernel; where it is not there yet, as far as that can be told. */
export async function plannedKernel(
  spec: VmSpec,
  verb: VerbContext,
): Promise<Pick<KernelFiles, 'boot' | 'modules'> & { readonly text: string }> {
  const context = buildContext(verb);
  const chosen = await chooseKernel(spec, context);
  const artifact = await chosenArtifact(chosen, spec.arch, context);
  const kernel = await findArtifact(artifact, context);
  if (kernel !== undefined) return { ...kernelFiles(kernel), text: kernelText(chosen, kernel) };
  const modules = chosen.kind === 'debian' ? '<kernel>/modules.img' : undefined;
  return { boot: `<kernel>/${spec.arch === 'x86_64' ? 'vmlinux' : 'kernel'}`, modules, text: artifact.title };
}

/** The kernel on this computer that a machine of an architecture would have; undefined: it was not built yet. */
export async function builtKernel(arch: VmSpec['arch'], verb: VerbContext): Promise<string | undefined> {
  const context = buildContext(verb);
  const chosen = await chooseKernel({ arch, kernel: { kind: 'auto' } }, context);
  const found = await findArtifact(await chosenArtifact(chosen, arch, context), context);
  return found === undefined ? undefined : kernelFiles(found).boot;
}

function unknown(kind: string, title: string): PlannedArtifact {
  return { kind, title, key: undefined, isCached: false, directory: undefined };
}

async function planned(artifact: Artifact, context: Context): Promise<PlannedArtifact> {
  const { kind, title } = artifact;
  const found = await findArtifact(artifact, context);
  return { kind, title, key: artifactKey(artifact), isCached: found !== undefined, directory: found?.directory };
}
