import { createHash, type Hash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Manifest } from '../artifact.ts';
import { inChunks } from '../fetch/body.ts';
import { Transient } from '../fetch/http.ts';
import { type Registry, unreachable, wrongContent } from './registry.ts';

/** Bytes of a write: each is a turn of a thread, and waits for it on a busy computer. */
const WRITE_BYTES = 1024 * 1024;

/**
 * Writes the files of a layer below `folder`; `place` says where, by the name that the layer has for a file. Each is on the disk when this returns. Returns their
 * sizes and digests. Throws `registry-content-wrong` where the layer is not what its digest says.
 */
export async function unpackLayer(
  registry: Registry,
  digest: string,
  folder: string,
  place: (name: string) => string,
  signal: AbortSignal,
): Promise<Manifest['outputs']> {
  const hash = createHash('sha256');
  const archive = extract();
  // The archive does not end a file that it has begun.
  const broken = new AbortController();
  const files: Record<string, Manifest['outputs'][string]> = {};
  const written = (async () => {
    for await (const entry of archive) {
      if (entry.header.type !== 'file')
        throw new VmkitError('build', 'registry-content-wrong', `The layer ${digest} holds more than files.`);
      const path = place(entry.header.name);
      await mkdir(dirname(join(folder, path)), { recursive: true });
      const end = (): unknown => entry.destroy();
      broken.signal.addEventListener('abort', end);
      files[path] = await writeFile(join(folder, path), bytesOf(entry));
      broken.signal.removeEventListener('abort', end);
    }
  })();
  const read = pipeline(Readable.from(hashed(registry.blob(digest, signal), hash)), archive, { signal });
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
  return files;
}

async function* hashed(content: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
}

/** tar-stream says of no file what its pieces are. */
async function* bytesOf(content: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const piece of content) if (piece instanceof Uint8Array) yield piece;
}

async function writeFile(path: string, content: AsyncIterable<Uint8Array>): Promise<Manifest['outputs'][string]> {
  const hash = createHash('sha256');
  const file = await open(path, 'wx', 0o644);
  let bytes = 0;
  try {
    for await (const chunk of inChunks(content, WRITE_BYTES)) {
      hash.update(chunk);
      await file.writeFile(chunk);
      bytes += chunk.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}
