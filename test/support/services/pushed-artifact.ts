import { join } from 'node:path';
import { sha256 } from '../../../src/core/digest.ts';
import type { Artifact } from '../../../src/store/artifact.ts';
import { layersOf, publish } from '../../../src/store/oci/publish.ts';
import { type FoundImage, findImage } from '../../../src/store/oci/receive.ts';
import { parseReference } from '../../../src/store/oci/reference.ts';
import { openRegistry, type Registry } from '../../../src/store/oci/registry.ts';
import { ensureArtifact } from '../../../src/store/store.ts';
import { contextIn } from '../context.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** An artifact of two files, that is known by its content. */
export function artifactOf(kind: string, content: string): Artifact {
  return {
    kind,
    title: `${kind} of a test`,
    inputs: { content: sha256(content) },
    build: async (directory, { host }) => {
      await host.write(join(directory, 'root.img'), content);
      await host.write(join(directory, 'stage1-modules/00-a.ko'), 'module');
      return { made: 1 };
    },
  };
}

/** Builds an artifact and puts it into a repository of the registry at `host`, as `vmkit push` would. `name` is its tag. */
export async function pushArtifact(
  host: string,
  artifact: Artifact,
  repository: string,
): Promise<{ readonly one: Registry; readonly image: FoundImage; readonly name: string }> {
  const context = contextIn(await temporaryFolder());
  const one = openRegistry(parseReference(`oci://${host}/${repository}`), context);
  const made = await ensureArtifact(artifact, contextIn(await temporaryFolder()));
  const name = `${artifact.kind}-${made.key}`;
  await publish(one, await layersOf(made), { tag: name, arch: 'amd64', annotations: {} }, context);
  const image = await findImage(one, name);
  if (image === undefined) throw new Error('It was not pushed.');
  return { one, image, name };
}
