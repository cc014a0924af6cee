import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { inParallel } from '../../core/in-parallel.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import { explainWriteError } from '../../host/local/files/write-error.ts';
import { syncPath } from '../../host/local/files/write-whole.ts';
import type { Manifest } from '../artifact.ts';
import { MANIFEST, readManifest } from '../manifest.ts';
import { BUILDING } from '../places.ts';
import { ANNOTATIONS, type ImageManifest, imageManifest } from './image.ts';
import { referenceText } from './reference.ts';
import { type Registry, wrongContent } from './registry.ts';
import { unpackLayer } from './unpack.ts';

/** Layers: while one is written to the disk, another comes. */
const AT_ONCE = 3;

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
  const temporary = await mkdtemp(join(storeDir, `${BUILDING}${artifact}.`));
  try {
    await chmod(temporary, 0o755);
    const layers = image.manifest.layers.filter(({ annotations }) => annotations[ANNOTATIONS.artifact] === artifact);
    const bytes = layers.reduce((sum, { size }) => sum + size, 0);
    context.report({ kind: 'phase', text: `${doing}: ${(bytes / 1e6).toFixed(1)} MB` });
    const found = await inParallel(layers, AT_ONCE, context.signal, ({ digest, annotations }, signal) => {
      const file = annotations[ANNOTATIONS.file];
      const place = (name: string): string => safePath(file ?? name.slice(`vmkit/${artifact}/`.length));
      return unpackLayer(registry, digest, temporary, place, signal);
    });
    await requireWhole(registry, artifact, temporary, Object.assign({}, ...found));
    await syncFolders(temporary);
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

/** The files are those that the manifest of the artifact names, with their digests. */
async function requireWhole(
  registry: Registry,
  artifact: string,
  folder: string,
  { [MANIFEST]: _, ...found }: Manifest['outputs'],
): Promise<void> {
  const manifest = await readManifest(folder);
  const isNamed = manifest !== undefined && `${manifest.kind}-${manifest.key}` === artifact;
  const wanted = manifest?.outputs ?? {};
  const isWhole =
    isNamed &&
    Object.keys(found).length === Object.keys(wanted).length &&
    Object.entries(wanted).every(([path, { sha256 }]) => found[path]?.sha256 === sha256);
  if (!isWhole) throw wrongContent(registry.reference, artifact, artifact, manifest?.key ?? 'no manifest');
}

/** The names of what is in them survive a power cut; files are on the disk already. */
async function syncFolders(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name));
  for (const path of [...folders, folder]) await syncPath(path);
}
