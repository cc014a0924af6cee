import { createHash } from 'node:crypto';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import * as z from 'zod';
import { isSystemError } from '../core/errors/errors.ts';
import { syncPath } from '../host/local/files/write-whole.ts';
import { requireOurs } from '../host/local/ours.ts';
import type { Manifest } from './artifact.ts';

export const MANIFEST = 'manifest.json';

const manifestSchema: z.ZodType<Manifest> = z.object({
  kind: z.string(),
  title: z.string(),
  key: z.string(),
  inputs: z.json(),
  facts: z.json(),
  builtAt: z.string(),
  durationMs: z.number(),
  outputs: z.record(
    z.string(),
    z.object({ bytes: z.number().int().nonnegative(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  ),
});

/**
 * The manifest in a folder, if it is valid and every output is there with its size. Does not hash: milliseconds. Throws `not-ours` where another user could
 * have written any of it: programs are run from there.
 */
export async function readManifest(directory: string): Promise<Manifest | undefined> {
  await requireOurs(join(directory, MANIFEST));
  const manifest = parseManifest(await readFile(join(directory, MANIFEST), 'utf8').catch(absent));
  if (manifest === undefined) return undefined;
  const sizes = await Promise.all(
    Object.entries(manifest.outputs).map(async ([path, { bytes }]) => {
      await requireOurs(join(directory, path));
      const found = await stat(join(directory, path)).catch(absent);
      return found?.isFile() === true && found.size === bytes;
    }),
  );
  return sizes.every(Boolean) ? manifest : undefined;
}

function parseManifest(text: string | undefined): Manifest | undefined {
  if (text === undefined) return undefined;
  try {
    return manifestSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Size and SHA-256 of every file below a folder; each is on the disk (fsync) when this returns. Anything but files and folders is a mistake of the builder. */
export async function digestOutputs(directory: string): Promise<Manifest['outputs']> {
  const outputs: Record<string, { bytes: number; sha256: string }> = {};
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await syncPath(path);
    else if (entry.isFile()) outputs[relative(directory, path)] = await digestFile(path);
    else throw new Error(`${path} is neither a file nor a folder: an artifact cannot hold it.`);
  }
  return Object.fromEntries(Object.entries(outputs).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function digestFile(path: string): Promise<{ bytes: number; sha256: string }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const hash = createHash('sha256');
    for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 1024 * 1024 }))
      hash.update(chunk);
    await file.sync();
    return { bytes: size, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

function absent(error: unknown): undefined {
  if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR') || isSystemError(error, 'EISDIR'))
    return undefined;
  throw error;
}
