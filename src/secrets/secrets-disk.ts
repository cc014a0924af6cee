import type { Tree } from '../core/tree.ts';
import { packCpio } from '../image/cpio.ts';

const SECTOR_BYTES = 512;

/** The secrets disk's content: a cpio archive, padded with zeros to whole sectors. Write it with mode 0600. */
export function packSecretsDisk(tree: Tree): Uint8Array {
  const archive = packCpio(tree);
  const disk = new Uint8Array(Math.ceil(archive.length / SECTOR_BYTES) * SECTOR_BYTES);
  disk.set(archive);
  return disk;
}
