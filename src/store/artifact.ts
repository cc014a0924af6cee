import type { Json } from '../core/digest.ts';
import type { Context } from '../host/context.ts';

/**
 * Something that is built once per set of inputs. Its key is the digest of `kind` and `inputs`; so `inputs` must hold
 * all that decides the output: digests of sources, configuration, tool versions, and a `recipe` number that
 * is raised when the way of building changes.
 */
export interface Artifact {
  /** Kebab-case, part of the folder's name: `kernel`, `root`, `initramfs`. */
  readonly kind: string;
  /** For people: `kernel 6.12 x86_64`. */
  readonly title: string;
  readonly inputs: Json;
  /** Writes all outputs below `directory`, a temporary folder that becomes the artifact by an atomic rename. Returns facts for the manifest (tool versions, counts). */
  build(directory: string, context: Context): Promise<Json>;
}

/** An artifact that is there, whole. */
export interface Built {
  /** Absolute path of the artifact's folder. */
  readonly directory: string;
  readonly key: string;
  readonly manifest: Manifest;
  /** False when this call built it. */
  readonly cached: boolean;
}

export interface Manifest {
  readonly kind: string;
  readonly title: string;
  readonly key: string;
  readonly inputs: Json;
  readonly facts: Json;
  readonly builtAt: string;
  readonly durationMs: number;
  /** Path below the folder → size in bytes and SHA-256. */
  readonly outputs: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}
