import * as z from 'zod';
import { sha256 } from '../../core/digest.ts';
import { MANIFEST_TYPE } from './registry.ts';

/** What `artifactType` says of images that `vmkit push` makes. */
export const MACHINE_TYPE = 'application/vnd.vmkit.machine.v1';
export const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

export const ANNOTATIONS = {
  /** Of the image: the text of vm.yaml; the name and architecture of the machine. */
  definition: 'dev.vmkit.definition',
  machine: 'dev.vmkit.machine',
  arch: 'dev.vmkit.arch',
  /** Of a layer: the folder of the store that its files belong to, and for a layer of one file the file's path there. */
  artifact: 'dev.vmkit.artifact',
  file: 'dev.vmkit.file',
  /** Of the layer with an artifact's manifest: what it was made from, as JSON: locks of sources, versions of tools. */
  inputs: 'dev.vmkit.inputs',
} as const;

export interface Layer {
  readonly digest: string;
  readonly bytes: number;
  readonly annotations: Readonly<Record<string, string>>;
}

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const annotations = z.record(z.string(), z.string()).default({});
const descriptor = z.object({ mediaType: z.string(), digest, size: z.number().int().nonnegative(), annotations });

/** The image manifest of the image specification 1.1. */
export const imageManifest = z.object({
  schemaVersion: z.literal(2),
  artifactType: z.string().optional(),
  config: descriptor,
  layers: z.array(descriptor),
  annotations,
});
/** The image index of the same, as a registry tells by it which images refer to one. */
export const imageIndex = z.object({
  manifests: z.array(z.object({ digest, artifactType: z.string().optional() })),
});
export type ImageManifest = z.infer<typeof imageManifest>;

export interface Image {
  readonly manifest: Uint8Array;
  readonly config: Uint8Array;
  readonly configDigest: string;
}

/** An artifact by its type, and an image by its config: KubeVirt takes kernel and disks from it. `arch` is dpkg's name, which is Go's, too. */
export function makeImage(
  layers: readonly Layer[],
  arch: string,
  annotations: Readonly<Record<string, string>>,
): Image {
  const config = Buffer.from(
    JSON.stringify({
      architecture: arch,
      os: 'linux',
      config: {},
      // Layers are not compressed, so both digests are one.
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
    }),
  );
  const configDigest = `sha256:${sha256(config)}`;
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: MACHINE_TYPE,
    config: { mediaType: CONFIG_TYPE, digest: configDigest, size: config.length },
    layers: layers.map((layer) => ({
      mediaType: LAYER_TYPE,
      digest: layer.digest,
      size: layer.bytes,
      annotations: layer.annotations,
    })),
    annotations,
  };
  return { manifest: Buffer.from(JSON.stringify(manifest)), config, configDigest };
}
