import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';

/** A file of a layer. */
export interface LayerFile {
  /** In the layer, without a slash in front. */
  readonly path: string;
  readonly bytes: number;
  /** Absolute path here, or the content itself. */
  readonly from: string | Uint8Array;
}

/** What is told of a layer: by its digest a registry knows it. */
export interface LayerFacts {
  readonly digest: string;
  readonly bytes: number;
}

/** As whom KubeVirt reads disks. */
const KUBEVIRT_USER = 107;

/** A tar archive, not compressed: disks are already. The same files give the same bytes. */
export async function* layerStream(files: readonly LayerFile[]): AsyncGenerator<Uint8Array> {
  const archive = pack();
  const write = async (): Promise<void> => {
    for (const { path, bytes, from } of files) {
      const header = {
        name: path,
        size: bytes,
        mode: 0o644,
        mtime: new Date(0),
        uid: KUBEVIRT_USER,
        gid: KUBEVIRT_USER,
      };
      const entry = archive.entry(header);
      if (typeof from === 'string') await pipeline(createReadStream(from, { highWaterMark: 1024 * 1024 }), entry);
      else entry.end(from);
    }
    archive.finalize();
  };
  write().catch((error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))));
  for await (const chunk of archive) if (chunk instanceof Uint8Array) yield chunk;
}

export async function digestLayer(files: readonly LayerFile[]): Promise<LayerFacts> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of layerStream(files)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { digest: `sha256:${hash.digest('hex')}`, bytes };
}
