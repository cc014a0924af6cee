import type { Change } from '../../../src/host/changes/change.ts';

/** A folder stands for an interface: made in two commands, removed by one, and it cannot be removed before what is in it. */
export function folderChange(path: string, over: Partial<Change> = {}): Change {
  return {
    id: path,
    title: `make ${path}`,
    apply: [{ argv: ['mkdir', path] }, { argv: ['chmod', '700', path] }],
    undo: [{ argv: ['rmdir', path] }],
    isApplied: { argv: ['test', '-d', path], needsRoot: false },
    whenFound: 'refuse',
    outlivesReboot: false,
    ...over,
  };
}
