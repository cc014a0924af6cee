/** A file tree as a value: what an initramfs, a secrets disk or a generated service directory holds. */
export type TreeEntry =
  | { kind: 'directory'; path: string; mode: number; uid?: number; gid?: number }
  | { kind: 'file'; path: string; mode: number; uid?: number; gid?: number; content: string | Uint8Array }
  | { kind: 'symlink'; path: string; target: string }
  | { kind: 'device'; path: string; mode: number; major: number; minor: number };

/** Paths are relative to the tree's root, without a leading slash: `run/vmkit/init`. */
export type Tree = readonly TreeEntry[];
