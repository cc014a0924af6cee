import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, sha256 } from '../../core/digest.ts';
import type { Context } from '../../host/context.ts';
import type { Built } from '../artifact.ts';
import { MANIFEST } from '../manifest.ts';
import { ANNOTATIONS, type Layer, makeImage } from './image.ts';
import { digestLayer, type LayerFile, layerStream } from './layer.ts';
import type { Registry } from './registry.ts';
import { once } from './signature.ts';

export interface Pushed {
  readonly digest: string;
  /** All of the image, and what the registry did not have yet. */
  readonly bytes: number;
  readonly sentBytes: number;
}

/** Files that are layers of their own, so that what two machines share is one blob; where KubeVirt finds them in the image. */
const ALONE: Readonly<Record<string, string>> = {
  vmlinux: 'boot/kernel',
  kernel: 'boot/kernel',
  'initramfs.cpio': 'boot/initramfs.cpio',
  'root.img': 'disk/root.img',
  'components.img': 'disk/components.img',
  'modules.img': 'disk/modules.img',
};

export interface PlannedLayer extends Layer {
  readonly files: readonly LayerFile[];
}

export async function planLayer(files: readonly LayerFile[], annotations: Layer['annotations']): Promise<PlannedLayer> {
  return { files, annotations, ...(await digestLayer(files)) };
}

/** The layers of an artifact: each large file, and one with all that is small, its manifest among it. */
export async function layersOf(built: Built): Promise<PlannedLayer[]> {
  const { directory, key, manifest } = built;
  const artifact = `${manifest.kind}-${key}`;
  const paths = Object.keys(manifest.outputs);
  // Of two kernels it is the one that a monitor is given.
  const alone = paths.filter((path) => path in ALONE && !(path === 'kernel' && paths.includes('vmlinux')));
  const text = await readFile(join(directory, MANIFEST));
  const fileOf = (path: string, name: string): LayerFile => ({
    path: name,
    bytes: manifest.outputs[path]?.bytes ?? 0,
    from: join(directory, path),
  });
  const rest = paths.filter((path) => !alone.includes(path)).map((path) => fileOf(path, `vmkit/${artifact}/${path}`));
  return Promise.all([
    ...alone.map((path) =>
      planLayer([fileOf(path, ALONE[path] ?? path)], {
        [ANNOTATIONS.artifact]: artifact,
        [ANNOTATIONS.file]: path,
      }),
    ),
    planLayer([...rest, { path: `vmkit/${artifact}/${MANIFEST}`, bytes: text.length, from: text }], {
      [ANNOTATIONS.artifact]: artifact,
      [ANNOTATIONS.inputs]: canonicalJson(manifest.inputs),
    }),
  ]);
}

/** Pushes an image under a tag; what the registry has is not sent. The tag has the whole image or what it had before. */
export async function publish(
  registry: Registry,
  planned: readonly PlannedLayer[],
  { tag, arch, annotations }: { tag: string; arch: string; annotations: Readonly<Record<string, string>> },
  { report, signal }: Pick<Context, 'report' | 'signal'>,
): Promise<Pushed> {
  let sentBytes = 0;
  for (const { files, digest, bytes } of planned) {
    signal.throwIfAborted();
    if (await registry.hasBlob(digest)) continue;
    report({ kind: 'phase', text: `sends ${files[0]?.path ?? ''}, ${(bytes / 1e6).toFixed(1)} MB` });
    await registry.putBlob(digest, layerStream(files));
    sentBytes += bytes;
  }
  const image = makeImage(planned, arch, annotations);
  if (!(await registry.hasBlob(image.configDigest))) {
    await registry.putBlob(image.configDigest, once(image.config));
    sentBytes += image.config.length;
  }
  await registry.putManifest(tag, image.manifest);
  sentBytes += image.manifest.length;
  const own = image.config.length + image.manifest.length;
  const bytes = planned.reduce((sum, layer) => sum + layer.bytes, own);
  return { digest: `sha256:${sha256(image.manifest)}`, bytes, sentBytes };
}
