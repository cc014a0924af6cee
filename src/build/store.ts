import { mkdir, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, sha256 } from '../core/digest.ts';
import { isSystemError, messageOf, VmkitError } from '../core/errors.ts';
import type { Context } from '../host/context.ts';
import type { Artifact, Built, Manifest } from './artifact.ts';
import { withLock } from './lock.ts';
import { digestOutputs, MANIFEST, readManifest, syncPath } from './manifest.ts';

const BUILDING = '.building-';
/** With less than this left after a failure, the disk is what failed: compilers and packers only say "exit code 1". */
const FULL_BELOW_BYTES = 1024 * 1024;

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
 * The artifact, built when it is not there. Two builds of one key wait for each other, in this process or in others.
 * Killed at any moment, the store holds the whole artifact or none.
 */
export async function ensureArtifact(artifact: Artifact, context: Context): Promise<Built> {
  const found = await findArtifact(artifact, context);
  if (found !== undefined) return found;
  const name = `${artifact.kind}-${artifactKey(artifact)}`;
  try {
    return await withLock(lockPath(context, name), `the build of ${artifact.title}`, context, async () => {
      await removeDeadBuilds(context, name);
      return (await findArtifact(artifact, context)) ?? (await build(artifact, name, context));
    });
  } catch (error) {
    throw await explainFullDisk(error, artifact, context);
  }
}

async function build(artifact: Artifact, name: string, context: Context): Promise<Built> {
  const started = performance.now();
  const directory = join(storeDir(context), name);
  const temporary = join(storeDir(context), `${BUILDING}${name}`);
  // What is in the way here is not an artifact: findArtifact has refused it.
  if (await moveAway(directory, temporary)) {
    context.report({ kind: 'note', text: `${artifact.title} was damaged in the cache and is built again.` });
  }
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
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
    await rename(temporary, directory);
    await syncPath(storeDir(context));
    return { directory, key: manifest.key, manifest, cached: false };
  } catch (error) {
    const explained = await explainFullDisk(error, artifact, context);
    await rm(temporary, { recursive: true, force: true });
    throw explained;
  }
}

/** Folders of builders that died. Each is removed under the lock of its key, so never under a living builder. */
async function removeDeadBuilds(context: Context, ownName: string): Promise<void> {
  const names = (await readdir(storeDir(context))).filter((name) => name.startsWith(BUILDING));
  for (const entry of names) {
    const remove = (): Promise<void> => rm(join(storeDir(context), entry), { recursive: true, force: true });
    const name = entry.slice(BUILDING.length);
    if (name === ownName) await remove();
    else {
      await withLock(lockPath(context, name), 'the clean-up of the cache', context, remove, { withinMs: 0 }).catch(
        (error: unknown) => {
          if (!(error instanceof VmkitError && error.code === 'lock-busy')) throw error;
        },
      );
    }
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

async function explainFullDisk(error: unknown, artifact: Artifact, context: Context): Promise<unknown> {
  if (error instanceof VmkitError && (error.code === 'disk-full' || error.kind === 'interrupted')) return error;
  const folder = context.paths.cache;
  const left = await statfs(folder).then(
    (disk) => disk.bavail * disk.bsize,
    () => undefined,
  );
  const isFull =
    isSystemError(error, 'ENOSPC') ||
    messageOf(error).includes('No space left on device') ||
    (left !== undefined && left < FULL_BELOW_BYTES);
  if (!isFull) return error;
  const space = left === undefined ? '' : ` (${Math.floor(left / 1024)} KiB left)`;
  return new VmkitError(
    'host',
    'disk-full',
    `Building ${artifact.title}: the disk of ${folder} is full${space}. ${messageOf(error)}`,
    {
      hint: `Make room there (${storeDir(context)} may be deleted), or set XDG_CACHE_HOME to a folder on a larger disk.`,
      cause: error,
      details: { folder, bytesLeft: left },
    },
  );
}

function storeDir(context: Pick<Context, 'paths'>): string {
  return join(context.paths.cache, 'store');
}

function lockPath(context: Pick<Context, 'paths'>, name: string): string {
  return join(storeDir(context), 'locks', `${name}.lock`);
}
