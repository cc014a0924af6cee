import * as z from 'zod';
import type { MachinePaths } from '../core/paths.ts';
import { qmpCommand } from '../host/qmp.ts';

const status = z.object({ status: z.string() });

/**
 * Whether QEMU has paused the guest because this host could not write to a disk: `io-error` (QEMU QMP reference, RunState). It does so when the
 * host's disk is full (werror=enospc is the default), so that the guest sees no error and loses nothing.
 */
export async function isPausedByFullDisk(paths: MachinePaths): Promise<boolean> {
  const answer = await qmpCommand(paths.qmpSocket, 'query-status', 1_000).catch(() => undefined);
  return status.safeParse(answer).data?.status === 'io-error';
}
