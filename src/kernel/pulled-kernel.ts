import { join } from 'node:path';
import * as z from 'zod';
import { sha256 } from '../core/digest.ts';
import { parseJson } from '../core/text/json.ts';
import type { Context } from '../host/context.ts';
import { readText } from '../host/read-text.ts';
import type { Artifact, Manifest } from '../store/artifact.ts';
import { readManifest } from '../store/manifest.ts';
import { storeDir } from '../store/places.ts';

/** The kernel that came with a definition through a registry. */
export interface PulledKernel {
  readonly kind: 'pulled';
  readonly manifest: Manifest;
}

const record = z.object({ kernel: z.string().regex(/^kernel-[0-9a-f]{32}$/) });

/** `kernel` is the folder's name in the store. It is the definition's kernel for as long as nobody changes a letter of it. */
export async function rememberPulledKernel(definition: string, kernel: string, context: Context): Promise<void> {
  await context.host.write(recordPath(definition, context), `${JSON.stringify({ kernel })}\n`);
}

/** The kernel that was pulled with the definition in `directory`; undefined where it was not, or is no longer in the store. */
export async function findPulledKernel(directory: string, context: Context): Promise<PulledKernel | undefined> {
  const definition = await context.host.read(join(directory, 'vm.yaml'));
  if (definition === undefined) return undefined;
  const found = parseJson(await readText(recordPath(definition, context), context.host), record);
  if (found === undefined) return undefined;
  const manifest = await readManifest(join(storeDir(context), found.kernel));
  return manifest === undefined ? undefined : { kind: 'pulled', manifest };
}

/** It is in the store: nobody can build it without the compiler of who pushed it. */
export function pulledArtifact({ manifest: { kind, title, inputs } }: PulledKernel): Artifact {
  const build = (): Promise<never> => Promise.reject(new Error(`${title} is no longer in the store.`));
  return { kind, title, inputs, build };
}

function recordPath(definition: string | Uint8Array, { paths }: Context): string {
  return join(paths.data, 'pulled', `${sha256(definition)}.json`);
}
