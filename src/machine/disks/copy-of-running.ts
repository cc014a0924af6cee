import { dirname } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { MachineState } from '../state/state.ts';
import { vmmOf } from '../vmm/drivers.ts';
import type { DiskCopy } from '../vmm/vmm.ts';

const COPY_MS = 4 * 3_600_000;

/** `$1` the disk, `$2` the copy, then options of cp(1). */
const COPY = `umask 077
mkdir -p -- "$(dirname -- "$2")" || exit
from=$1 to=$2
shift 2
cp "$@" -- "$from" "$to"`;

/**
 * Gets ready to copy the data disk of a machine that runs. Where the file system shares blocks that takes no time and no room, and what is written at that moment
 * waits (ioctl_ficlone(2): the file is locked); else the monitor copies. Throws `vmm-cannot` for a monitor that cannot.
 */
export async function copyOfRunning(
  state: MachineState,
  paths: MachinePaths,
  to: string,
  context: Context,
): Promise<DiskCopy> {
  const { host } = context;
  if (await sharesBlocks(paths, to, context)) {
    return {
      begin: async () => share(paths.dataDisk, to, context),
      finish: async () => undefined,
      drop: () => host.remove(to),
    };
  }
  await host.makeFolder(dirname(to), 0o700);
  const { title, copyDisk } = vmmOf(state);
  if (copyDisk !== undefined) return copyDisk(paths, to, context);
  throw new VmkitError('usage', 'vmm-cannot', `${title} cannot copy the disk of ${state.name} while it runs.`, {
    hint: `vmkit stop ${state.name} first; then boot it again.`,
  });
}

/** Whether a copy of the data disk at `to` takes neither time nor room. Tried with a small file of the same folder. */
export async function sharesBlocks({ identityFile }: MachinePaths, to: string, context: Context): Promise<boolean> {
  const trial = `${to}.trial`;
  const shared = await share(identityFile, trial, context).then(
    () => true,
    () => false,
  );
  await context.host.remove(trial);
  return shared;
}

/** Fails where the file system shares no blocks, or not between these two folders. */
async function share(from: string, to: string, context: Context): Promise<void> {
  await copy(from, to, ['--reflink=always'], 60_000, context);
}

/** A copy of the disk of a machine that is off, whose lock is held. Shares blocks where the file system can. */
export async function copyOfStopped(from: string, to: string, context: Context): Promise<void> {
  try {
    await copy(from, to, ['--reflink=auto', '--sparse=always'], COPY_MS, context);
  } catch (error) {
    await context.host.remove(to);
    throw error;
  }
}

async function copy(
  from: string,
  to: string,
  options: readonly string[],
  withinMs: number,
  { host, signal }: Context,
): Promise<void> {
  const { exitCode, stderr } = await host.exec(['sh', '-c', COPY, 'sh', from, to, ...options], { withinMs, signal });
  if (exitCode === 0) return;
  throw new VmkitError('tool', 'disk-copy-failed', `Copying ${from}: ${stderr.trim()}`, {
    hint: 'The disk is as it was. Is there room for a copy?',
  });
}
