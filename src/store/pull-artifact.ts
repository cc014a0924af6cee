import { join } from 'node:path';
import type { Context } from '../host/context.ts';
import { withLock } from '../host/with-lock.ts';
import { removeDeadBuilds } from './dead-builds.ts';
import { readManifest } from './manifest.ts';
import { type FoundImage, receiveArtifact } from './oci/receive.ts';
import type { Registry } from './oci/registry.ts';
import { lockPath, storeDir } from './places.ts';

/** An artifact of an image, put into the store unless it is there. Returns the bytes that came. */
export async function pullArtifact(
  registry: Registry,
  image: FoundImage,
  artifact: string,
  context: Context,
): Promise<number> {
  return withLock(lockPath(context, artifact), `the pull of ${artifact}`, context, async () => {
    await removeDeadBuilds(context, artifact);
    const there = await readManifest(join(storeDir(context), artifact));
    if (there !== undefined && `${there.kind}-${there.key}` === artifact) return 0;
    return (await receiveArtifact(registry, image, artifact, storeDir(context), context)).bytes;
  });
}
