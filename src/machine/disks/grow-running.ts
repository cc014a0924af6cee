import { VmkitError } from '../../core/errors/errors.ts';
import { GUEST } from '../../core/guest-paths.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { withGuest } from '../guest.ts';
import type { MachineState } from '../state/state.ts';
import { vmmOf } from '../vmm/drivers.ts';
import { readDataDisk } from './ext4-disk.ts';

const MIB = 1024 * 1024;
const GROWN_WITHIN_MS = 3_600_000;

/**
 * The file system of the data disk takes the room that its disk has by now, while it is in use: EXT4_IOC_RESIZE_FS (fs/ext4/ioctl.c), to so many blocks. resize2fs does the same, but opens
 * the disk for writing before, which vmkit's kernel forbids of one that is mounted (BLK_DEV_WRITE_MOUNTED).
 */
const GROW = `while read -r device at _; do
  [ "$at" = ${GUEST.data} ] || continue
  read -r sectors </sys/class/block/"\${device##*/}"/size
  blocks=$((sectors * 512 / $(stat -f -c %S ${GUEST.data})))
  perl -e 'open D, "<", $ARGV[0] and defined ioctl(D, 0x40086610, pack "Q", $ARGV[1]) or die "$!\\n"' ${GUEST.data} $blocks &&
    sync -f ${GUEST.data}
  exit
done </proc/mounts
exit 1`;

/**
 * Makes the data disk of a machine that runs larger, to the size of its definition. Cut off anywhere, the next call or the next boot goes on: a disk that is larger than
 * its file system is whole. False where it is as large already, or its monitor cannot.
 */
export async function growRunning(
  state: MachineState,
  mib: number,
  paths: Pick<MachinePaths, 'dataDisk' | 'controlSocket'>,
  context: Context,
): Promise<boolean> {
  const { host } = context;
  const { growDisk } = vmmOf(state);
  const disk = await readDataDisk(paths.dataDisk, context);
  if (growDisk === undefined || disk === undefined || Math.floor(disk.bytes / MIB) >= mib) return false;
  context.report({ kind: 'phase', text: `grows the data disk to ${mib} MiB` });
  if (((await host.stat(paths.dataDisk))?.bytes ?? 0) < mib * MIB) await growDisk(paths, mib * MIB, host);
  const { exitCode, stdout, stderr } = await withGuest(state.name, context, (guest) =>
    guest.exec(['sh', '-c', GROW], { withinMs: GROWN_WITHIN_MS, signal: context.signal }),
  );
  if (exitCode === 0) return true;
  const said = `${stdout}\n${stderr}`.trim();
  throw new VmkitError(
    'tool',
    'data-disk-tool-failed',
    `Growing the data disk of ${state.name} in the guest: ${said}`,
    {
      hint: `Nothing is lost. The next boot grows it: vmkit stop ${state.name} && vmkit boot ${state.name}`,
    },
  );
}
