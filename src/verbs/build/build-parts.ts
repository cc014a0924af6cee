import type { Context } from '../../host/context.ts';
import { busyboxArtifact } from '../../image/busybox.ts';
import type { ChosenComponents } from '../../image/components/component-choice.ts';
import { componentsArtifact, findComponentsArtifact } from '../../image/components/components.ts';
import { initramfsArtifact } from '../../image/initramfs.ts';
import { ageNote, rootArtifact } from '../../image/root.ts';
import { guestTree } from '../../init/guest-tree.ts';
import { type ChosenKernel, chooseKernel, chosenArtifact } from '../../kernel/choose-kernel.ts';
import { kernelFiles } from '../../kernel/kernel-files.ts';
import { requireKernel } from '../../kernel/require-kernel.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { Artifact, Built } from '../../store/artifact.ts';
import { ensureArtifact, findArtifact } from '../../store/store.ts';
import { buildContext, runStep, runSteps, type Step, type VerbContext } from '../step.ts';

/** What a machine is made of. */
export interface Parts<Kernel extends Built | undefined> {
  readonly kernel: Kernel;
  readonly root: Built;
  readonly initramfs: Built;
  /** Where the machine has any. */
  readonly components: Built | undefined;
}

/** Builds what is stale of all parts, on this computer. A given component that is unusable is refused before. */
export async function buildParts(
  spec: VmSpec,
  given: ChosenComponents,
  verb: VerbContext,
): Promise<Parts<Built> & { readonly chosen: ChosenKernel }> {
  const context = buildContext(verb);
  const chosen = await chooseKernel(spec, context);
  const parts = await buildWithout(chosen, spec, given, { context, rebuild: false });
  // A kernel that is compiled takes minutes, and all processors: after all others.
  const kernel = parts.kernel ?? (await ensure(await chosenArtifact(chosen, spec.arch, context), context));
  if (parts.kernel === undefined) await requireKernel(spec, chosen, kernel, context);
  return { ...parts, kernel, chosen };
}

/** The same without a kernel of vmkit's own, which `build-kernel` compiles: the initramfs holds nothing of it. `rebuild` takes Debian's newest packages. */
export async function buildImageParts(
  chosen: ChosenKernel,
  spec: VmSpec,
  given: ChosenComponents,
  rebuild: boolean,
  verb: VerbContext,
): Promise<Parts<Built | undefined>> {
  return buildWithout(chosen, spec, given, { context: buildContext(verb), rebuild });
}

interface How {
  readonly context: VerbContext;
  readonly rebuild: boolean;
}

async function buildWithout(
  chosen: ChosenKernel,
  spec: VmSpec,
  given: ChosenComponents,
  { context, rebuild }: How,
): Promise<Parts<Built | undefined>> {
  const components = await ensureComponents(spec, given, context);
  const readyMade = chosen.kind === 'vmkit' ? [] : [await chosenArtifact(chosen, spec.arch, context)];
  const debian = [busyboxArtifact(spec.arch), rootArtifact(spec), ...readyMade];
  const [busybox, root, kernel] = await ensureBeside(debian, { context, rebuild });
  if (busybox === undefined || root === undefined) throw new TypeError('A build without a result.');
  const age = ageNote(root.manifest.builtAt, spec.name, Date.now());
  if (age !== undefined) context.report({ kind: 'note', text: age });
  if (kernel !== undefined) await requireKernel(spec, chosen, kernel, context);
  const modules = kernel === undefined ? undefined : kernelFiles(kernel).stage1Modules;
  const initramfs = await ensure(initramfsArtifact(spec.name, guestTree(spec), busybox, modules), context);
  return { kernel, root, initramfs, components };
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

async function ensure(artifact: Artifact, context: VerbContext): Promise<Built> {
  return (await findArtifact(artifact, context)) ?? runStep(building(artifact, false), context);
}

/** What is not there is built beside one another: most of its time is the network's. A failure of one is told when all are over. */
async function ensureBeside(artifacts: readonly Artifact[], { context, rebuild }: How): Promise<Built[]> {
  const found = await Promise.all(artifacts.map((artifact) => (rebuild ? undefined : findArtifact(artifact, context))));
  const missing = artifacts.filter((_, index) => found[index] === undefined);
  const steps = missing.map((artifact) => building(artifact, rebuild));
  const built = steps.length === 0 ? [] : await runSteps(steps, context);
  return found.flatMap((one) => one ?? built.shift() ?? []);
}

function building(artifact: Artifact, rebuild: boolean): Step<Built> {
  return { title: artifact.title, run: (inner) => ensureArtifact(artifact, inner, { rebuild }) };
}
