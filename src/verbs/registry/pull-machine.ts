import { join, resolve } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { inParallel } from '../../core/in-parallel.ts';
import { NAME } from '../../core/text/names.ts';
import { rememberPulledKernel } from '../../kernel/pulled-kernel.ts';
import { ANNOTATIONS } from '../../store/oci/image.ts';
import { artifactsOf, findImage } from '../../store/oci/receive.ts';
import { type OciReference, referenceText } from '../../store/oci/reference.ts';
import { openRegistry } from '../../store/oci/registry.ts';
import { requireSignature } from '../../store/oci/signature.ts';
import { pullArtifact } from '../../store/pull-artifact.ts';
import { buildContext, runStep, type VerbContext } from '../step.ts';

/** Artifacts; each takes some layers at once. */
const AT_ONCE = 2;

export interface PullResult {
  readonly machine: string;
  readonly digest: string;
  /** Absolute. */
  readonly definition: string;
  readonly pulledBytes: number;
  readonly artifacts: readonly string[];
  readonly isVerified: boolean;
}

/**
 * Puts a machine that was pushed into the store of this computer, and its definition into `folder`/NAME/vm.yaml. The definition comes last. `publicKey`, as PEM: what
 * has no signature by it is refused before anything is pulled.
 */
export async function pullMachine(
  reference: OciReference,
  folder: string,
  publicKey: string | undefined,
  verb: VerbContext,
): Promise<PullResult> {
  const context = buildContext(verb);
  const registry = openRegistry(reference, context);
  const image = await findImage(registry, reference.tag);
  const { [ANNOTATIONS.machine]: machine = '', [ANNOTATIONS.definition]: definition = '' } =
    image?.manifest.annotations ?? {};
  if (image === undefined || !NAME.test(machine) || definition === '') throw noMachine(reference);
  if (publicKey !== undefined) await requireSignature(registry, image.digest, publicKey);
  const path = join(resolve(folder), machine, 'vm.yaml');
  const there = await context.host.read(path);
  if (there !== undefined && Buffer.from(there).toString('utf8') !== definition) throw otherDefinition(path);
  const artifacts = artifactsOf(image);
  const pulledBytes = await runStep(
    {
      title: `pull ${machine}`,
      run: async (inner) => {
        const sizes = await inParallel(artifacts, AT_ONCE, inner.signal, (artifact, signal) =>
          pullArtifact(registry, image, artifact, { ...inner, signal }),
        );
        const kernel = artifacts.find((artifact) => artifact.startsWith('kernel-'));
        if (kernel !== undefined) await rememberPulledKernel(definition, kernel, inner);
        await inner.host.write(path, definition);
        return sizes.reduce((sum, size) => sum + size, 0);
      },
    },
    context,
  );
  return {
    machine,
    digest: image.digest,
    definition: path,
    pulledBytes,
    artifacts,
    isVerified: publicKey !== undefined,
  };
}

function noMachine(reference: OciReference): VmkitError {
  return new VmkitError('build', 'registry-no-image', `${referenceText(reference)} is no machine.`, {
    hint: 'Is the tag right? vmkit push NAME oci://... prints it.',
  });
}

function otherDefinition(path: string): VmkitError {
  return new VmkitError(
    'usage',
    'bad-usage',
    `${path} is there already, and says something other. Nothing was changed.`,
    {
      hint: 'Move it away, or name another folder: -o FOLDER',
    },
  );
}
