import { join } from 'node:path';
import * as z from 'zod';
import { poll } from '../../../core/deadline.ts';
import { VmkitError } from '../../../core/errors/errors.ts';
import type { MachinePaths } from '../../../core/paths.ts';
import type { Context } from '../../../host/context.ts';
import { DISK_SERIALS } from '../../../spec/disks.ts';
import type { DiskCopy } from '../vmm.ts';
import { qmpCommand } from './qmp.ts';

/** The job, the target's node, and the file in QEMU's own folder: it may write nowhere else. */
const COPY = 'copy';
const FILE = `${COPY}.img`;
const COPIED_WITHIN_MS = 12 * 3_600_000;

const jobs = z.array(z.object({ id: z.string(), status: z.string(), error: z.string().optional() }));

/** `$1` the file, `$2` its bytes: as the user whom QEMU runs as. */
const MAKE = `set -e
umask 077
rm -f -- "$1"
truncate -s "$2" -- "$1"
chown --reference="$(dirname -- "$1")" -- "$1"`;

/** `$1` the file, `$2` its place: ours from then on, and on the disk. */
const TAKE = `set -e
mv -f -- "$1" "$2"
chown "$(id -u):$(id -g)" -- "$2"
sync -- "$2"`;

/**
 * A copy by QEMU's job `backup` (QEMU documentation, "Live Block Device Operations"): what the guest overwrites meanwhile is copied first, so the copy is the disk
 * as it was when the job began. It takes as much room as the disk's data, beside QEMU's sockets, until it is moved to its place.
 */
export async function copyDisk(paths: MachinePaths, to: string, context: Context): Promise<DiskCopy> {
  const { host } = context;
  const { controlSocket, dataDisk, runDir } = paths;
  const ask = (
    execute: 'blockdev-add' | 'blockdev-del' | 'blockdev-backup' | 'job-cancel' | 'job-dismiss',
    given: object,
  ) => qmpCommand(controlSocket, { execute, arguments: { ...given } }, host, 30_000);
  const file = join(runDir, FILE);
  const disk = await host.stat(dataDisk);
  await requireRoom(runDir, disk?.bytesOnDisk ?? 0, context);
  /** What a killed vmkit left of a copy, too. */
  const clear = async (): Promise<void> => {
    const job = await jobOf(controlSocket, context);
    if (job !== undefined && job.status !== 'concluded') await ask('job-cancel', { id: COPY });
    if (job !== undefined) {
      await poll(async () => ((await jobOf(controlSocket, context))?.status === 'concluded' ? true : undefined), {
        withinMs: 30_000,
      });
      await ask('job-dismiss', { id: COPY });
    }
    await ask('blockdev-del', { 'node-name': COPY }).catch(() => undefined);
    await host.remove(file);
  };
  await clear();
  await run(MAKE, [file, String(disk?.bytes ?? 0)], context);
  const target = { driver: 'file', filename: FILE };
  await ask('blockdev-add', {
    driver: 'raw',
    'node-name': COPY,
    discard: 'unmap',
    'detect-zeroes': 'unmap',
    file: target,
  });
  let isWhole = false;
  return {
    begin: async () => {
      const from = { device: DISK_SERIALS.data, target: COPY, sync: 'full' };
      await ask('blockdev-backup', { 'job-id': COPY, ...from, 'auto-dismiss': false });
    },
    finish: async () => {
      const ended = await poll(
        async () => {
          const job = await jobOf(controlSocket, context);
          return job === undefined || job.status === 'concluded' ? { error: job?.error } : undefined;
        },
        { withinMs: COPIED_WITHIN_MS, everyMs: 200, signal: context.signal },
      );
      if (ended === undefined || ended.error !== undefined) throw failed(ended?.error ?? 'it did not end');
      await ask('job-dismiss', { id: COPY });
      await ask('blockdev-del', { 'node-name': COPY });
      await run(TAKE, [file, to], context);
      isWhole = true;
    },
    drop: async () => {
      if (!isWhole) await clear().catch(() => undefined);
    },
  };
}

async function jobOf(controlSocket: string, { host }: Context): Promise<z.infer<typeof jobs>[number] | undefined> {
  const all = jobs.parse(await qmpCommand(controlSocket, 'query-jobs', host, 30_000));
  return all.find(({ id }) => id === COPY);
}

/** A target that gets full would pause the guest: a tenth is for what it writes meanwhile. */
async function requireRoom(folder: string, bytes: number, { host }: Context): Promise<void> {
  const free = await host.freeBytes(folder);
  const needed = Math.ceil(bytes * 1.1) + 64 * 1024 * 1024;
  if (free >= needed) return;
  const mib = (count: number): number => Math.ceil(count / 1024 ** 2);
  const text = `A copy of the data disk takes ${mib(needed)} MiB for a while, and ${folder} has ${mib(free)} MiB free.`;
  throw new VmkitError('host', 'disk-full', text, {
    hint: 'Make room there, or put ~/.local/share and ~/.local/state on a file system that shares blocks (btrfs, xfs).',
  });
}

async function run(script: string, args: readonly string[], { host }: Context): Promise<void> {
  const { exitCode, stderr } = await host.exec(['sh', '-c', script, 'sh', ...args], { withinMs: COPIED_WITHIN_MS });
  if (exitCode !== 0) throw failed(stderr.trim());
}

function failed(why: string): VmkitError {
  return new VmkitError('tool', 'disk-copy-failed', `QEMU's copy of the data disk is not whole: ${why}`, {
    hint: 'The machine goes on, and its disk is as it was. Was it stopped meanwhile, or is the disk of this host full?',
  });
}
