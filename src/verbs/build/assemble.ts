import { join } from 'node:path';
import type { Context } from '../../host/context.ts';
import { busyboxArtifact } from '../../image/busybox.ts';
import type { ChosenComponents } from '../../image/components/component-choice.ts';
import { componentsArtifact, findComponentsArtifact } from '../../image/components/components.ts';
import { initramfsArtifact } from '../../image/initramfs.ts';
import { ageNote, rootArtifact } from '../../image/root.ts';
import { guestTree } from '../../init/guest-tree.ts';
import { chooseKernel, chosenArtifact } from '../../kernel/choose-kernel.ts';
import { type KernelFiles, kernelFiles, kernelText } from '../../kernel/kernel-files.ts';
import { requireKernel } from '../../kernel/require-kernel.ts';
import type { BootRequest } from '../../machine/plan.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { Artifact, Built } from '../../store/artifact.ts';
import { artifactKey, ensureArtifact, findArtifact } from '../../store/store.ts';
import { buildContext, runStep, runSteps, type Step, type VerbContext } from '../step.ts';

/** The files that a machine boots from, and which artifacts they are. */
export type Assembled = Pick<BootRequest, 'files' | 'kernel' | 'artifacts'>;

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

/** On this computer: builds what is stale, the quick ones first, and says of each whether it was cached. A given component that is unusable is refused before. */
export async function assemble(spec: VmSpec, given: ChosenComponents, verb: VerbContext): Promise<Assembled> {
  const context = buildContext(verb);
  const chosen = await chooseKernel(spec, context);
  const kernelPlan = await chosenArtifact(chosen, spec.arch, context);
  const components = await ensureComponents(spec, given, context);
  // A kernel that is compiled takes minutes, and all processors.
  const quick = [busyboxArtifact(spec.arch), rootArtifact(spec), ...(chosen.kind === 'vmkit' ? [] : [kernelPlan])];
  const [busybox, root, readyMade] = await ensureBeside(quick, context);
  if (busybox === undefined || root === undefined) throw new TypeError('A build without a result.');
  const kernel = readyMade ?? (await ensure(kernelPlan, context));
  const age = ageNote(root.manifest.builtAt, spec.name, Date.now());
  if (age !== undefined) context.report({ kind: 'note', text: age });
  if (spec.kernel.kind === 'auto' && chosen.kind === 'debian') context.report({ kind: 'note', text: WHY_DEBIAN });
  await requireKernel(spec, chosen, kernel, context);
  const { boot, modules, stage1Modules } = kernelFiles(kernel);
  const initramfs = await ensure(initramfsArtifact(spec.name, guestTree(spec), busybox, stage1Modules), context);
  const parts = { kernel, root, initramfs, ...(components === undefined ? {} : { components }) };
  const cached = Object.values(parts).filter((part) => part.cached);
  if (cached.length > 0) {
    const titles = cached.map((part) => part.manifest.title).join(', ');
    context.report({ kind: 'note', text: `Cached: ${titles}` });
  }
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

const WHY_DEBIAN =
  "The kernel is Debian's. vmkit's own starts in two thirds of the time; it is compiled once, in ten minutes or so: vmkit build-kernel";

function unknown(kind: string, title: string): PlannedArtifact {
  return { kind, title, key: undefined, isCached: false, directory: undefined };
}

async function ensureComponents(
  spec: VmSpec,
  chosen: ChosenComponents,
  context: VerbContext,
): Promise<Built | undefined> {
  const found = await findComponentsArtifact(spec, chosen, context);
  const fetch = (inner: Context): Promise<Artifact | undefined> => componentsArtifact(spec, chosen, inner);
  const artifact = found === 'unknown' ? await runStep({ title: 'components', run: fetch }, context) : found;
  return artifact === undefined ? undefined : ensure(artifact, context);
}

async function planned(artifact: Artifact, context: Context): Promise<PlannedArtifact> {
  const { kind, title } = artifact;
  const found = await findArtifact(artifact, context);
  return { kind, title, key: artifactKey(artifact), isCached: found !== undefined, directory: found?.directory };
}

async function ensure(artifact: Artifact, context: VerbContext): Promise<Built> {
  return (await findArtifact(artifact, context)) ?? runStep(building(artifact), context);
}

/** What is not there is built beside one another: most of its time is the network's. A failure of one is told when all are over. */
async function ensureBeside(artifacts: readonly Artifact[], context: VerbContext): Promise<Built[]> {
  const found = await Promise.all(artifacts.map((artifact) => findArtifact(artifact, context)));
  const missing = artifacts.filter((_, index) => found[index] === undefined);
  const built = missing.length === 0 ? [] : await runSteps(missing.map(building), context);
  return found.flatMap((one) => one ?? built.shift() ?? []);
}

function building(artifact: Artifact): Step<Built> {
  return { title: artifact.title, run: (inner) => ensureArtifact(artifact, inner) };
}
