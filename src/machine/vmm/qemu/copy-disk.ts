import type { MachinePaths } from '../../../core/paths.ts';
import type { Context } from '../../../host/context.ts';
import type { DiskCopy } from '../vmm.ts';
import { COPY, COPY_FILE, copyBy, type Extent, endOfJob, FILE } from './copy-job.ts';

const SPARSE = { 'node-name': COPY, discard: 'unmap', 'detect-zeroes': 'unmap' };

/**
 * A copy by QEMU's job `backup` (QEMU documentation, "Live Block Device Operations"): what the guest overwrites meanwhile is copied first, so the copy is the disk
 * as it was when the job began. It takes as much room as the disk's data, beside QEMU's sockets, until it is moved to its place.
 */
export async function copyDisk(paths: MachinePaths, to: string, context: Context): Promise<DiskCopy> {
  const disk = await context.host.stat(paths.dataDisk);
  const raw = { driver: 'raw', file: { driver: 'file', filename: FILE } };
  const extent: Extent = {
    given: { sync: 'full' },
    bytes: disk?.bytesOnDisk ?? 0,
    fileBytes: disk?.bytes ?? 0,
    add: async (ask) => void (await ask('blockdev-add', { ...raw, ...SPARSE })),
  };
  return copyBy(extent, paths, to, context);
}

/** The same of what is in a bitmap, to a qcow2 image: only such a one tells what was overwritten with zeros from what was not written. The bitmap stays as it is. */
export async function copyChanges(
  { bitmap, bytes }: { readonly bitmap: string; readonly bytes: number },
  paths: MachinePaths,
  to: string,
  context: Context,
): Promise<DiskCopy> {
  const size = (await context.host.stat(paths.dataDisk))?.bytes ?? 0;
  const extent: Extent = {
    given: { sync: 'bitmap', bitmap, 'bitmap-mode': 'never' },
    bytes,
    fileBytes: 0,
    add: async (ask) => {
      await ask('blockdev-add', { driver: 'file', 'node-name': COPY_FILE, filename: FILE });
      await ask('blockdev-create', { 'job-id': COPY, options: { driver: 'qcow2', file: COPY_FILE, size } });
      await endOfJob(paths, ask, 60_000, context);
      await ask('blockdev-add', { driver: 'qcow2', file: COPY_FILE, ...SPARSE });
    },
  };
  return copyBy(extent, paths, to, context);
}
