import { join } from 'node:path';
import type { Context } from '../../host/context.ts';
import { busyboxArtifact } from '../../image/busybox.ts';
import type { ChosenComponents } from '../../image/components/component-choice.ts';
import { componentsArtifact, findComponentsArtifact } from '../../image/components/components.ts';
import { initramfsArtifact } from '../../image/initramfs.ts';
import { ageNote, rootArtifact } from '../../image/root.ts';
import { guestTree } from '../../init/guest-tree.ts';
import { kernelArtifact } from '../../kernel/artifact.ts';
import type { BootRequest } from '../../machine/plan.ts';
import { USUAL_VMM } from '../../machine/vmm/drivers.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { Artifact, Built } from '../../store/artifact.ts';
import { artifactKey, ensureArtifact, findArtifact } from '../../store/store.ts';
import { buildContext, runStep, type VerbContext } from '../step.ts';

/** The files that a machine boots from, and which artifacts they are. */
export type Assembled = Pick<BootRequest, 'files' | 'artifacts'>;

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
export async function assemble(spec: VmSpec, chosen: ChosenComponents, verb: VerbContext): Promise<Assembled> {
  const context = buildContext(verb);
  const components = await ensureComponents(spec, chosen, context);
  const busybox = await ensure(busyboxArtifact(spec.arch), context);
  const initramfs = await ensure(initramfsArtifact(spec.name, guestTree(spec), busybox), context);
  const root = await ensure(rootArtifact(spec), context);
  const age = ageNote(root.manifest.builtAt, spec.name, Date.now());
  if (age !== undefined) context.report({ kind: 'note', text: age });
  const kernel = await ensure(await kernelOf(spec, context), context);
  const parts = { kernel, root, initramfs, ...(components === undefined ? {} : { components }) };
  const cached = Object.values(parts).filter((part) => part.cached);
  if (cached.length > 0) {
    const titles = cached.map((part) => part.manifest.title).join(', ');
    context.report({ kind: 'note', text: `Cached: ${titles}` });
  }
  return {
    files: {
      kernel: join(kernel.directory, USUAL_VMM.kernelFile(spec.arch)),
      root: join(root.directory, 'root.img'),
      initramfs: join(initramfs.directory, 'initramfs.cpio'),
      components: components === undefined ? undefined : join(components.directory, 'components.img'),
    },
    artifacts: Object.fromEntries(Object.entries(parts).map(([kind, part]) => [kind, part.key])),
  };
}

/** What `assemble` would find and what it would build. Builds nothing. */
export async function planArtifacts(
  spec: VmSpec,
  chosen: ChosenComponents,
  verb: VerbContext,
): Promise<PlannedArtifact[]> {
  const context = buildContext(verb);
  const components = await findComponentsArtifact(spec, chosen, context);
  const busyboxPlan = busyboxArtifact(spec.arch);
  const busybox = await findArtifact(busyboxPlan, context);
  const title = `initramfs of ${spec.name}`;
  return [
    ...(components === undefined
      ? []
      : [components === 'unknown' ? unknown('components', 'components') : await planned(components, context)]),
    await planned(busyboxPlan, context),
    busybox === undefined
      ? unknown('initramfs', title)
      : await planned(initramfsArtifact(spec.name, guestTree(spec), busybox), context),
    await planned(rootArtifact(spec), context),
    await planned(await kernelOf(spec, context), context),
  ];
}

function kernelOf({ arch, kernel }: VmSpec, context: Context): Promise<Artifact> {
  return kernelArtifact({ arch, profile: kernel.profile, fragments: kernel.fragments }, context);
}

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
  const found = await findArtifact(artifact, context);
  if (found !== undefined) return found;
  return runStep({ title: artifact.title, run: (inner) => ensureArtifact(artifact, inner) }, context);
}
