import type { Tree, TreeEntry } from '../core/tree.ts';

// File types of st_mode, inode(7).
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;

interface Member {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly data: Uint8Array;
  readonly device: readonly [major: number, minor: number];
}

const encoder = new TextEncoder();

/**
 * A tree as a cpio archive in "newc" format, as the kernel unpacks it (linux: Documentation/driver-api/early-userspace/buffer-format.rst).
 * The same tree gives the same bytes: members are sorted by path, inodes are numbered from 1, all times are 0. Folders that
 * the tree does not name are made with mode 0755. Throws TypeError for a path that is not relative and plain, or is there twice.
 */
export function packCpio(tree: Tree): Uint8Array {
  const members = [...withParents(tree).values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const parts = members.map((member, index) => pack(member, index + 1));
  const trailer = { path: 'TRAILER!!!', mode: 0, uid: 0, gid: 0, data: new Uint8Array(), device: [0, 0] } as const;
  return Buffer.concat([...parts, pack(trailer, 0)].flat());
}

function withParents(tree: Tree): Map<string, Member> {
  const members = new Map<string, Member>();
  for (const entry of tree) {
    if (entry.path.split('/').some((part) => ['', '.', '..'].includes(part)) || entry.path.includes('\0')) {
      throw new TypeError(`A path in a tree must be relative and plain: ${entry.path}`);
    }
    if (members.has(entry.path)) throw new TypeError(`A path is twice in a tree: ${entry.path}`);
    members.set(entry.path, memberOf(entry));
  }
  for (const { path } of tree) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent =
        members.get(path.slice(0, end)) ?? memberOf({ kind: 'directory', path: path.slice(0, end), mode: 0o755 });
      if ((parent.mode & S_IFMT) !== S_IFDIR)
        throw new TypeError(`${parent.path} is not a folder, but ${path} is below it.`);
      members.set(parent.path, parent);
    }
  }
  return members;
}

function memberOf(entry: TreeEntry): Member {
  const common = { path: entry.path, uid: 0, gid: 0, data: new Uint8Array(), device: [0, 0] } as const;
  switch (entry.kind) {
    case 'directory':
      return { ...common, mode: S_IFDIR | entry.mode, uid: entry.uid ?? 0, gid: entry.gid ?? 0 };
    case 'file': {
      const data = typeof entry.content === 'string' ? encoder.encode(entry.content) : entry.content;
      return { ...common, mode: S_IFREG | entry.mode, uid: entry.uid ?? 0, gid: entry.gid ?? 0, data };
    }
    case 'symlink':
      return { ...common, mode: S_IFLNK | 0o777, data: encoder.encode(entry.target) };
    case 'device':
      return { ...common, mode: S_IFCHR | entry.mode, device: [entry.major, entry.minor] };
  }
}

/** Header, name and data, each padded with zeros to a multiple of four bytes. */
function pack(member: Member, inode: number): Uint8Array[] {
  const name = encoder.encode(`${member.path}\0`);
  const isDirectory = (member.mode & S_IFMT) === S_IFDIR;
  const fields = [
    inode,
    member.mode,
    member.uid,
    member.gid,
    isDirectory ? 2 : 1,
    0, // mtime
    member.data.length,
    0, // device that holds the file
    0,
    ...member.device,
    name.length,
    0, // no checksum in 070701
  ];
  const header = encoder.encode(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [header, name, padding(header.length + name.length), member.data, padding(member.data.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
