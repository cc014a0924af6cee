import { open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../../core/errors.ts';
import type { BackgroundProcess } from './background.ts';

/**
 * Overwrites the memory files without a name that a process has open, those that began as `path`, with zeros: the process reads zeros from then on. It is
 * reached through the process, as no folder has it (proc_pid_fd(5)). Where the process has ended its memory is gone, too.
 */
export async function zeroMemoryOf({ pid }: BackgroundProcess, path: string): Promise<void> {
  const folder = `/proc/${pid}/fd`;
  for (const fd of await readdir(folder).catch(nothing)) {
    const link = join(folder, fd);
    const target = await readlink(link).catch(nothing);
    if (typeof target === 'string' && target.startsWith(`${path}.`) && target.endsWith(' (deleted)')) await zero(link);
  }
}

async function zero(path: string): Promise<void> {
  const file = await open(path, 'r+').catch(nothing);
  if (!('stat' in file)) return;
  try {
    const { size } = await file.stat();
    await file.write(Buffer.alloc(size), 0, size, 0);
  } finally {
    await file.close();
  }
}

/** The process has ended. Or this one is root without the right to look into others (CAP_SYS_PTRACE, as in some containers): then the memory stays as long as QEMU does. */
function nothing(error: unknown): never[] {
  if (['ENOENT', 'ESRCH', 'EACCES'].some((code) => isSystemError(error, code))) return [];
  throw error;
}
