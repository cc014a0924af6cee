import { gunzipSync } from 'node:zlib';
import { messageOf } from '../../core/errors/errors.ts';

const START = 'IKCFG_ST';
const END = 'IKCFG_ED';
const GZIP_AFTER_START = Buffer.concat([Buffer.from(START), Buffer.of(0x1f, 0x8b)]);

/** A .config of Debian has 300 KB. */
export const LONGEST_CONFIG = 16 * 1024 * 1024;
/** Marks that are looked at. The marks' names stand in the kernel's own strings too. */
const MOST_MARKS = 16;

/**
 * The .config that an uncompressed kernel holds (linux: kernel/configs.c): gzip between two marks. Undefined when there is none. `trouble` says why one that
 * is there cannot be read.
 */
export function findIkconfig(kernel: Uint8Array): { readonly text: string } | { readonly trouble: string } | undefined {
  const bytes = Buffer.from(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  let trouble: string | undefined;
  let from = 0;
  for (let looked = 0; looked < MOST_MARKS; looked += 1) {
    // Only a mark that is followed by gzip counts.
    from = bytes.indexOf(GZIP_AFTER_START, from);
    const to = from < 0 ? -1 : bytes.indexOf(END, from);
    if (to < 0) break;
    from += START.length;
    try {
      return { text: gunzipSync(bytes.subarray(from, to), { maxOutputLength: LONGEST_CONFIG }).toString() };
    } catch (error) {
      trouble = messageOf(error);
    }
  }
  return trouble === undefined ? undefined : { trouble };
}

export type Compression = 'gzip' | 'xz' | 'zstd' | 'lz4' | 'lzma' | 'bzip2' | 'lzo';

/** How a kernel is packed inside its image. `data` may end with a few bytes more than the compressor wrote. */
export interface Payload {
  readonly compression: Compression;
  readonly data: Uint8Array;
}

/** What begins with these bytes was written by that compressor (linux: scripts/extract-vmlinux, lib/decompress.c). */
const MAGICS: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['lz4', [0x02, 0x21, 0x4c, 0x18]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
  ['lzma', [0x5d, 0x00, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['lzo', [0x89, 0x4c, 0x5a, 0x4f]],
];

/** The packed kernel in a bzImage, in an EFI zboot image, or in a file that is packed as a whole. Undefined for all else. */
export function findPayload(image: Uint8Array): Payload | undefined {
  const data = bzImagePayload(image) ?? zbootPayload(image) ?? image;
  const compression = MAGICS.find(([, magic]) => magic.every((byte, index) => data[index] === byte))?.[0];
  return compression === undefined ? undefined : { compression, data };
}

export function isElf(bytes: Uint8Array): boolean {
  return textAt(bytes, 0, 4) === '\x7fELF';
}

/** An ELF file, a bzImage, arm64's raw Image (Documentation/arch/arm64/booting.rst: `ARMd`), or one that is packed. */
export function isKernelImage(bytes: Uint8Array): boolean {
  const isRaw = textAt(bytes, 0x202, 4) === 'HdrS' || textAt(bytes, 56, 4) === 'ARMd';
  return isElf(bytes) || isRaw || findPayload(bytes) !== undefined;
}

/** Documentation/arch/x86/boot.rst: `HdrS`, setup_sects, and from protocol 2.08 on payload_offset and payload_length. */
function bzImagePayload(image: Uint8Array): Uint8Array | undefined {
  if (image.length < 0x250 || textAt(image, 0x202, 4) !== 'HdrS') return undefined;
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (view.getUint16(0x206, true) < 0x208) return undefined;
  const setupSectors = view.getUint8(0x1f1) || 4;
  const start = (setupSectors + 1) * 512 + view.getUint32(0x248, true);
  return image.subarray(start, start + view.getUint32(0x24c, true));
}

/** drivers/firmware/efi/libstub/zboot-header.S: `zimg`, then the payload's offset and size. */
function zbootPayload(image: Uint8Array): Uint8Array | undefined {
  if (image.length < 64 || textAt(image, 4, 4) !== 'zimg') return undefined;
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const start = view.getUint32(8, true);
  return image.subarray(start, start + view.getUint32(12, true));
}

function textAt(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.subarray(start, start + length)).toString('latin1');
}
