import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { VmkitError } from '../../core/errors/errors.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import { explainWriteError } from '../../host/local/files/write-error.ts';
import { syncPath } from '../../host/local/files/write-whole.ts';
import { Transient } from '../fetch/http.ts';
import { digestOutputs, MANIFEST, readManifest } from '../manifest.ts';
import { ANNOTATIONS, type ImageManifest, imageManifest } from './image.ts';
import { referenceText } from './reference.ts';
import { type Registry, unreachable, wrongContent } from './registry.ts';

export interface FoundImage {
  readonly digest: string;
  readonly manifest: ImageManifest;
}

/** The image under a tag; undefined where there is none. Throws `registry-no-image` for what `vmkit push` did not make. */
export async function findImage(registry: Registry, tag: string): Promise<FoundImage | undefined> {
  const found = await registry.manifest(tag);
  if (found === undefined) return undefined;
  const manifest = parseJson(Buffer.from(found.bytes).toString('utf8'), imageManifest);
  if (manifest === undefined || !manifest.layers.some(({ annotations }) => ANNOTATIONS.artifact in annotations)) {
    throw new VmkitError(
      'build',
      'registry-no-image',
      `${referenceText(registry.reference)} is no image that vmkit pushed.`,
      {
        hint: 'vmkit push NAME oci://... makes one.',
      },
    );
  }
  return { digest: found.digest, manifest };
}

/** The folders of the store that an image has. */
export function artifactsOf({ manifest }: FoundImage): string[] {
  return [...new Set(manifest.layers.flatMap(({ annotations }) => annotations[ANNOTATIONS.artifact] ?? []))];
}

/**
 * Puts an artifact of an image into the store, where it is not there yet. Each blob is compared with its digest, each file with the artifact's manifest. Killed
 * at any moment, the store has the whole artifact or none. `storeDir` is the store's folder; its lock for this artifact is held.
 */
export async function receiveArtifact(
  registry: Registry,
  image: FoundImage,
  artifact: string,
  storeDir: string,
  context: Context,
): Promise<{ readonly bytes: number }> {
  const doing = `Pulling ${artifact}`;
  await mkdir(storeDir, { recursive: true });
  const temporary = await mkdtemp(join(storeDir, `.building-${artifact}.`));
  try {
    await chmod(temporary, 0o755);
    let bytes = 0;
    for (const { digest, size, annotations } of image.manifest.layers) {
      if (annotations[ANNOTATIONS.artifact] !== artifact) continue;
      context.report({ kind: 'phase', text: `${doing}: ${(size / 1e6).toFixed(1)} MB` });
      const file = annotations[ANNOTATIONS.file];
      const place = (name: string): string => file ?? name.slice(`vmkit/${artifact}/`.length);
      await unpack(registry, digest, (name) => join(temporary, safePath(place(name))), context.signal);
      bytes += size;
    }
    await requireWhole(registry, artifact, temporary);
    const directory = join(storeDir, artifact);
    await rm(directory, { recursive: true, force: true });
    await rename(temporary, directory);
    await syncPath(storeDir);
    return { bytes };
  } catch (error) {
    const explained = await explainWriteError(error, doing, storeDir, `Make room; ${storeDir} may be deleted.`);
    await rm(temporary, { recursive: true, force: true });
    throw explained;
  }
}

/** A name from elsewhere stays in the folder. */
function safePath(path: string): string {
  const parts = path.split('/');
  if (path === '' || path.startsWith('/') || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new VmkitError(
      'build',
      'registry-content-wrong',
      `A layer has a file with the name ${JSON.stringify(path)}.`,
      {
        hint: 'vmkit makes no such layer. Nothing of it was kept.',
      },
    );
  }
  return path;
}

async function unpack(
  registry: Registry,
  digest: string,
  place: (name: string) => string,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  const archive = extract();
  // The archive does not end a file that it has begun.
  const broken = new AbortController();
  const hashed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of registry.blob(digest)) {
      hash.update(chunk);
      yield chunk;
    }
  };
  const written = (async () => {
    for await (const entry of archive) {
      if (entry.header.type !== 'file')
        throw new VmkitError('build', 'registry-content-wrong', `The layer ${digest} holds more than files.`);
      const path = place(entry.header.name);
      await mkdir(dirname(path), { recursive: true });
      await pipeline(entry, createWriteStream(path, { mode: 0o644, flags: 'wx' }), {
        signal: AbortSignal.any([signal, broken.signal]),
      });
    }
  })();
  const read = pipeline(Readable.from(hashed()), archive, { signal });
  read.catch(() => broken.abort());
  const [outcome, other] = await Promise.allSettled([written, read]);
  const found = `sha256:${hash.digest('hex')}`;
  const failed = [other, outcome].flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  const known =
    failed.find((reason) => reason instanceof VmkitError) ??
    failed.find((reason) => reason instanceof Error && 'code' in reason && reason.code === 'ENOSPC');
  if (known !== undefined) throw known;
  signal.throwIfAborted();
  const cut = failed.find((reason) => reason instanceof Transient);
  if (cut !== undefined) throw unreachable(registry.reference, cut.message, cut);
  if (failed.length > 0 || found !== digest) throw wrongContent(registry.reference, 'a layer', digest, found);
}

/** The files are those that the manifest of the artifact names, with their digests. */
async function requireWhole(registry: Registry, artifact: string, folder: string): Promise<void> {
  const manifest = await readManifest(folder);
  const isNamed = manifest !== undefined && `${manifest.kind}-${manifest.key}` === artifact;
  const { [MANIFEST]: _, ...found } = await digestOutputs(folder);
  const wanted = manifest?.outputs ?? {};
  const isWhole =
    isNamed &&
    Object.keys(found).length === Object.keys(wanted).length &&
    Object.entries(wanted).every(([path, { sha256 }]) => found[path]?.sha256 === sha256);
  if (!isWhole) throw wrongContent(registry.reference, artifact, artifact, manifest?.key ?? 'no manifest');
}
