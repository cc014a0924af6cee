import { join } from 'node:path';
import { readText } from '../../host/read-text.ts';
import { busyboxArtifact } from '../../image/busybox.ts';
import type { ChosenComponents } from '../../image/components/component-choice.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { Built } from '../../store/artifact.ts';
import { DEBIAN_ARCHITECTURES } from '../../store/mmdebstrap.ts';
import { ANNOTATIONS } from '../../store/oci/image.ts';
import { layersOf, type PlannedLayer, planLayer, publish } from '../../store/oci/publish.ts';
import { type OciReference, referenceText } from '../../store/oci/reference.ts';
import { openRegistry } from '../../store/oci/registry.ts';
import { spdxOf } from '../../store/oci/sbom.ts';
import { signImage } from '../../store/oci/signature.ts';
import { ensureArtifact } from '../../store/store.ts';
import { buildParts } from '../build/build-parts.ts';
import { buildContext, runStep, type VerbContext } from '../step.ts';

export interface PushResult {
  readonly reference: string;
  readonly digest: string;
  readonly bytes: number;
  readonly sentBytes: number;
  readonly isSigned: boolean;
}

/**
 * Builds what is stale of a machine and pushes it: its definition and its artifacts, and nothing else; no secret is in either. Each artifact gets a tag of its own
 * beside the machine's: by it VMKIT_STORE finds it. `signingKey` is a private key, as PEM.
 */
export async function pushMachine(
  spec: VmSpec,
  reference: OciReference,
  chosen: ChosenComponents,
  signingKey: string | undefined,
  verb: VerbContext,
): Promise<PushResult> {
  const context = buildContext(verb);
  const { kernel, root, initramfs, components } = await buildParts(spec, chosen, verb);
  const busybox = await ensureArtifact(busyboxArtifact(spec.arch), context);
  const artifacts = [kernel, root, ...(components === undefined ? [] : [components]), busybox, initramfs];
  const definition = await readText(join(spec.directory, 'vm.yaml'), context.host);
  return runStep(
    {
      title: `push ${spec.name}`,
      run: async (inner) => {
        const registry = openRegistry(reference, inner);
        const arch = DEBIAN_ARCHITECTURES[spec.arch];
        const layers: PlannedLayer[] = [];
        let sentBytes = 0;
        const push = async (
          tag: string,
          own: readonly PlannedLayer[],
          annotations: Readonly<Record<string, string>>,
        ) => {
          const pushed = await publish(registry, own, { tag, arch, annotations }, inner);
          if (signingKey !== undefined) await signImage(registry, pushed.digest, signingKey);
          sentBytes += pushed.sentBytes;
          return pushed;
        };
        for (const built of artifacts) {
          const own = await layersOf(built);
          layers.push(...own);
          await push(`${built.manifest.kind}-${built.key}`, own, {});
        }
        layers.push(await sbomLayer(root, spec, context));
        const { digest, bytes } = await push(reference.tag, layers, {
          [ANNOTATIONS.machine]: spec.name,
          [ANNOTATIONS.arch]: spec.arch,
          [ANNOTATIONS.definition]: definition,
        });
        return { reference: referenceText(reference), digest, bytes, sentBytes, isSigned: signingKey !== undefined };
      },
    },
    verb,
  );
}

async function sbomLayer(root: Built, spec: VmSpec, { host }: VerbContext): Promise<PlannedLayer> {
  const packages = await readText(join(root.directory, 'packages.txt'), host);
  const name = `root file system of ${spec.name}`;
  const arch = DEBIAN_ARCHITECTURES[spec.arch];
  const sbom = spdxOf(name, packages, arch, root.manifest.builtAt, `urn:vmkit:root:${root.key}`);
  const content = Buffer.from(`${JSON.stringify(sbom)}\n`);
  const path = 'vmkit/sbom.spdx.json';
  return planLayer([{ path, bytes: content.length, from: content }], { [ANNOTATIONS.file]: 'sbom.spdx.json' });
}
