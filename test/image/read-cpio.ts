import { strict as assert } from 'node:assert';

interface Member {
  readonly path: string;
  readonly isDirectory: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly data: Uint8Array;
}

/** A reader of newc archives, written from the format's description and not from the writer. */
export function readCpio(archive: Uint8Array): Member[] {
  const bytes = Buffer.from(archive);
  const members: Member[] = [];
  const inodes = new Set<number>();
  for (let at = 0; ; ) {
    assert.equal(bytes.toString('latin1', at, at + 6), '070701');
    const field = (index: number): number =>
      Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const [inode, mode, uid, mtime, size, nameSize] = [field(0), field(1), field(2), field(5), field(6), field(11)];
    const nameAt = at + 110;
    const dataAt = Math.ceil((nameAt + nameSize) / 4) * 4;
    const path = bytes.toString('utf8', nameAt, nameAt + nameSize - 1);
    if (path === 'TRAILER!!!') return members;
    assert.ok(!inodes.has(inode), 'an inode is there twice: it would be a hard link');
    assert.equal(mtime, 0);
    inodes.add(inode);
    const isDirectory = (mode & 0o170000) === 0o040000;
    members.push({ path, isDirectory, mode: mode & 0o7777, uid, data: bytes.subarray(dataAt, dataAt + size) });
    at = Math.ceil((dataAt + size) / 4) * 4;
  }
}
