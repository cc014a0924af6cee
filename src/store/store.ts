import { chmod, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, sha256 } from '../core/digest.ts';
import { isSystemError } from '../core/errors/errors.ts';
import type { Context } from '../host/context.ts';
import { explainWriteError } from '../host/local/files/write-error.ts';
import { syncPath } from '../host/local/files/write-whole.ts';
import { withLock } from '../host/with-lock.ts';
import type { Artifact, Built, Manifest } from './artifact.ts';
import { removeDeadBuilds } from './dead-builds.ts';
import { digestOutputs, MANIFEST, readManifest } from './manifest.ts';
import { BUILDING, lockPath, storeDir } from './places.ts';
import { fetchArtifact } from './remote.ts';

/** The key of an artifact: SHA-256 of its kind and canonical inputs, first 32 hex digits. */
export function artifactKey(artifact: Artifact): string {
  return sha256(canonicalJson({ kind: artifact.kind, inputs: artifact.inputs })).slice(0, 32);
}

/** The artifact if it is there, whole. Never builds. Milliseconds: outputs are compared by size, not hashed. */
export async function findArtifact(artifact: Artifact, context: Pick<Context, 'paths'>): Promise<Built | undefined> {
  const key = artifactKey(artifact);
  const directory = join(storeDir(context), `${artifact.kind}-${key}`);
  const manifest = await readManifest(directory);
  if (manifest?.key !== key || manifest.kind !== artifact.kind) return undefined;
  return { directory, key, manifest, cached: true };
}

/**
 * The artifact: where it is not there, the registry that VMKIT_STORE names is asked, and then it is built. Two builds of one key wait for each other, in this process or in others.
 * Killed at any moment, the store holds the whole artifact or none. With `rebuild` it is built though it is there, for
 * what inputs do not tell (Debian's updates), and takes the old one's place when it is whole.
 */
export async function ensureArtifact(
  artifact: Artifact,
  context: Context,
  { rebuild = false }: { rebuild?: boolean } = {},
): Promise<Built> {
  const find = async (): Promise<Built | undefined> => (rebuild ? undefined : findArtifact(artifact, context));
  const found = await find();
  if (found !== undefined) return found;
  const name = `${artifact.kind}-${artifactKey(artifact)}`;
  try {
    return await withLock(lockPath(context, name), `the build of ${artifact.title}`, context, async () => {
      await removeDeadBuilds(context, name);
      const there = await find();
      if (there !== undefined) return there;
      const isFetched = !rebuild && (await fetchArtifact(name, artifact.title, context));
      return (isFetched ? await findArtifact(artifact, context) : undefined) ?? (await build(artifact, name, context));
    });
  } catch (error) {
    throw await explain(error, artifact, context);
  }
}

async function build(artifact: Artifact, name: string, context: Context): Promise<Built> {
  const started = performance.now();
  const directory = join(storeDir(context), name);
  // Its own name for each try: a compiler that outlives a killed vmkit goes on writing into the old one, never into ours.
  const temporary = await mkdtemp(join(storeDir(context), `${BUILDING}${name}.`));
  await chmod(temporary, 0o755);
  // What is in the way may be no artifact: findArtifact has refused it.
  if (
    (await findArtifact(artifact, context)) === undefined &&
    (await moveAway(directory, join(temporary, 'damaged')))
  ) {
    context.report({ kind: 'note', text: `${artifact.title} was damaged in the cache and is built again.` });
    await rm(join(temporary, 'damaged'), { recursive: true, force: true });
  }
  try {
    context.report({ kind: 'phase', text: `builds ${artifact.title}` });
    const facts = await artifact.build(temporary, context);
    context.report({ kind: 'phase', text: `hashes ${artifact.title}` });
    const outputs = await digestOutputs(temporary);
    const manifest: Manifest = {
      kind: artifact.kind,
      title: artifact.title,
      key: artifactKey(artifact),
      inputs: artifact.inputs,
      facts,
      builtAt: new Date().toISOString(),
      durationMs: Math.round(performance.now() - started),
      outputs,
    };
    await context.host.write(join(temporary, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    await syncPath(temporary);
    // A killed builder leaves it to removeDeadBuilds.
    const replaced = `${temporary}.replaced`;
    await moveAway(directory, replaced);
    await rename(temporary, directory);
    await syncPath(storeDir(context));
    await rm(replaced, { recursive: true, force: true });
    return { directory, key: manifest.key, manifest, cached: false };
  } catch (error) {
    const explained = await explain(error, artifact, context);
    await rm(temporary, { recursive: true, force: true });
    throw explained;
  }
}

async function moveAway(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}

function explain(error: unknown, artifact: Artifact, context: Context): Promise<unknown> {
  const hint = `Make room there (${storeDir(context)} may be deleted), or set XDG_CACHE_HOME to a folder on a larger disk.`;
  return explainWriteError(error, `Building ${artifact.title}`, context.paths.cache, hint);
}
