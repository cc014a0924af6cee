/** What a file system says of itself, from its superblock. */
export interface Ext4Facts {
  /** Lower-case, with dashes. */
  readonly uuid: string;
  readonly label: string;
  readonly bytes: number;
}

const SUPERBLOCK_BYTES = 1024;

const MAGIC = 0xef53;
const INCOMPAT_64BIT = 0x80;
/** Blocks of 64 KiB are the largest, and 48 bits the longest number of one (ext4's Kconfig; ext4_extent). */
const MAX_LOG_BLOCK_SIZE = 6;
const MAX_BLOCKS = 2 ** 48;

/**
 * Reads a superblock: the 1024 bytes at offset 1024 of a disk. Undefined where there is no ext file system, or one of an impossible size.
 * Offsets: linux Documentation/filesystems/ext4/super.rst.
 */
export function parseSuperblock(superblock: Uint8Array): Ext4Facts | undefined {
  if (superblock.length < SUPERBLOCK_BYTES) return undefined;
  const view = new DataView(superblock.buffer, superblock.byteOffset, superblock.byteLength);
  if (view.getUint16(0x38, true) !== MAGIC) return undefined;
  const is64bit = (view.getUint32(0x60, true) & INCOMPAT_64BIT) !== 0;
  const blocks = view.getUint32(0x4, true) + (is64bit ? view.getUint32(0x150, true) : 0) * 2 ** 32;
  const logBlockSize = view.getUint32(0x18, true);
  if (blocks === 0 || blocks > MAX_BLOCKS || logBlockSize > MAX_LOG_BLOCK_SIZE) return undefined;
  const hex = Buffer.from(superblock.subarray(0x68, 0x78)).toString('hex');
  const label = Buffer.from(superblock.subarray(0x78, 0x88)).toString('latin1').replace(/\0.*$/s, '');
  return {
    uuid: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    label,
    bytes: blocks * 2 ** (10 + logBlockSize),
  };
}
