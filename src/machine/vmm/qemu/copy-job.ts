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
export const COPY = 'copy';
export const COPY_FILE = 'copy-file';
export const FILE = `${COPY}.img`;
const COPIED_WITHIN_MS = 12 * 3_600_000;

const jobs = z.array(z.object({ id: z.string(), status: z.string(), error: z.string().optional() }));

/** `$1` the file, `$2` its bytes: as the user whom QEMU runs as. */
const MAKE = `set -e
umask 077
rm -f -- "$1"
truncate -s "$2" -- "$1"
chown --reference="$(dirname -- "$1")" -- "$1"`;

/**
 * For perl: gives back the room of what reads as zeros and was never written, which QEMU reserves (fallocate(2) by its number: FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
 * lseek(2): SEEK_DATA, SEEK_HOLE).
 */
const PUNCH = `use POSIX ();
my $number = { x86_64 => 285, aarch64 => 47 }->{ (POSIX::uname())[4] } or exit;
open my $file, '+<', $ARGV[0] or die "$ARGV[0]: $!\n";
my $end = -s $file;
for (my $at = 0; $at < $end;) {
  my $hole = sysseek $file, $at, 4;
  last unless defined $hole && $hole < $end;
  my $data = sysseek($file, $hole, 3) || $end;
  last if syscall($number, fileno $file, 3, $hole + 0, $data - $hole) != 0;
  $at = $data;
}`;

/** `$1` the file, `$2` its place, `$3` a program for perl: ours from then on. Where it cannot be made smaller it is right nevertheless. */
const TAKE = `set -e
perl -e "$3" "$1" || :
mv -f -- "$1" "$2"
chown "$(id -u):$(id -g)" -- "$2"`;

type Command = 'blockdev-add' | 'blockdev-create' | 'blockdev-del' | 'blockdev-backup' | 'job-cancel' | 'job-dismiss';
export type Ask = (execute: Command, given: object) => Promise<unknown>;

/** What is copied, and to an image of which kind. */
export interface Extent {
  readonly given: object;
  /** What the copy takes on a disk, in bytes. */
  readonly bytes: number;
  readonly fileBytes: number;
  /** Makes the target's node, over the empty file. */
  readonly add: (ask: Ask) => Promise<void>;
}

/** Gets ready to copy the data disk of a guest that runs, or what was written to it. */
export async function copyBy(extent: Extent, paths: MachinePaths, to: string, context: Context): Promise<DiskCopy> {
  const { host } = context;
  const { controlSocket, runDir } = paths;
  const ask: Ask = (execute, given) => qmpCommand(controlSocket, { execute, arguments: { ...given } }, host, 30_000);
  const file = join(runDir, FILE);
  await requireRoom(runDir, extent.bytes, context);
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
    await removeNodes(ask);
    await host.remove(file);
  };
  await clear();
  await run(MAKE, [file, String(extent.fileBytes)], context);
  await extent.add(ask);
  let isWhole = false;
  return {
    begin: async () => {
      const from = { device: DISK_SERIALS.data, target: COPY };
      await ask('blockdev-backup', { 'job-id': COPY, ...from, ...extent.given, 'auto-dismiss': false });
    },
    finish: async () => {
      await endOfJob(paths, ask, COPIED_WITHIN_MS, context);
      await removeNodes(ask);
      await run(TAKE, [file, to, PUNCH], context);
      isWhole = true;
    },
    drop: async () => {
      if (!isWhole) await clear().catch(() => undefined);
    },
  };
}

/** Throws `disk-copy-failed` with what ended it. */
export async function endOfJob(
  { controlSocket }: MachinePaths,
  ask: Ask,
  withinMs: number,
  context: Context,
): Promise<void> {
  const ended = await poll(
    async () => {
      const job = await jobOf(controlSocket, context);
      return job === undefined || job.status === 'concluded' ? { error: job?.error } : undefined;
    },
    { withinMs, everyMs: 100, signal: context.signal },
  );
  if (ended === undefined || ended.error !== undefined) throw failed(ended?.error ?? 'it did not end');
  await ask('job-dismiss', { id: COPY });
}

/** The file's node is one of its own under an image, and else belongs to the copy's. */
async function removeNodes(ask: Ask): Promise<void> {
  for (const node of [COPY, COPY_FILE]) await ask('blockdev-del', { 'node-name': node }).catch(() => undefined);
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
