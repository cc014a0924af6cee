import { dirname } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import type { Host } from '../../host/host.ts';

/** A copy of a large disk, where its blocks cannot be shared, takes its time. */
const COPY_MS = 4 * 3_600_000;

/** `$1` the temporary file, `$2` its bytes, `$3` what it begins as a copy of, or ''. The copy shares blocks where the file system can (ioctl_ficlone(2)); toybox's cp does not. */
const PREPARE = `set -e
umask 077
mkdir -p -- "$(dirname -- "$1")"
rm -f -- "$1"
[ -z "$3" ] || cp --reflink=auto --sparse=always -- "$3" "$1" 2>/dev/null || cp -- "$3" "$1"
truncate -s "$2" -- "$1"
chmod 600 -- "$1"
`;

/** `$1` the temporary file, `$2` its place. */
const KEEP = `set -e
sync -- "$1"
mv -f -- "$1" "$2"
sync -- "$(dirname -- "$2")"
`;

/**
 * Makes or replaces the disk file `path` (mode 0600): `fill` is given a temporary file of `bytes` zeros that take no space, or
 * that begins with a copy of `from`. It is renamed into place once `fill` is done and it is on the disk, so `path` is the old file or the whole new one.
 * Where `path` is a symbolic link, the file that it leads to is meant. The caller holds the machine's lock.
 */
export async function writeDiskFile(
  path: string,
  { bytes, from = '' }: { bytes: number; from?: string },
  context: Context,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  const { host } = context;
  const place = await placeOf(path, host);
  const temporary = temporaryOf(place);
  try {
    await run(PREPARE, [temporary, String(bytes), from], context);
    await fill(temporary);
    await run(KEEP, [temporary, place], context);
  } catch (error) {
    await host.remove(temporary);
    throw error;
  }
}

/** Removes what a killed `writeDiskFile` left beside `path`: as large as a disk. The caller holds the machine's lock. */
export async function removeUnfinishedDisk(path: string, host: Host): Promise<void> {
  await host.remove(temporaryOf(await placeOf(path, host)));
}

/** Some bytes of a file, in blocks of 1024; fewer where it ends; undefined where there is no file. */
export async function readBlocks(path: string, skip: number, count: number, host: Host): Promise<Buffer | undefined> {
  if ((await host.stat(path)) === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  const argv = ['dd', `if=${path}`, 'ibs=1024', 'obs=1024', `skip=${skip}`, `count=${count}`];
  const { exitCode, stderr } = await host.exec(argv, {
    withinMs: 60_000,
    onOutput: (piece) => void pieces.push(piece),
  });
  if (exitCode !== 0) throw toolFailed('dd', stderr);
  return Buffer.concat(pieces);
}

function temporaryOf(place: string): string {
  return `${place}.new`;
}

/** Where its links lead to; a folder that is not there yet has none. */
async function placeOf(path: string, host: Host): Promise<string> {
  if ((await host.stat(dirname(path))) === undefined) return path;
  const { exitCode, stdout } = await host.exec(['readlink', '-f', '--', path], { withinMs: 60_000 });
  return exitCode === 0 ? stdout.replace(/\n$/, '') : path;
}

async function run(script: string, args: readonly string[], { host, signal }: Context): Promise<void> {
  const { exitCode, stderr } = await host.exec(['sh', '-c', script, 'sh', ...args], { withinMs: COPY_MS, signal });
  if (exitCode !== 0) throw toolFailed('Writing the file', stderr);
}

function toolFailed(what: string, said: string): VmkitError {
  return new VmkitError('tool', 'data-disk-tool-failed', `${what}: ${said.trim()}`, {
    hint: 'The data disk is as it was before.',
  });
}
