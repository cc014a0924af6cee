import { VmkitError } from '../core/errors/errors.ts';
import type { Context } from '../host/context.ts';
import { DEBIAN_EPOCH } from './mmdebstrap.ts';

/**
 * How mksquashfs(1) packs. LZ4: under software emulation a boot waits for unpacking, and zstd takes four times as long for a quarter
 * less space (bench/RESULTS.md).
 */
export const SQUASHFS_OPTIONS: readonly string[] = [
  ...['-comp', 'lz4', '-b', '131072', '-root-mode', '0755'],
  ...['-noappend', '-no-progress', '-quiet'],
];

/**
 * Packs a tar archive into an image; the same archive gives the same bytes. Owners, modes, device nodes and extended attributes are the
 * archive's. Only the top folder is not: mksquashfs 4.5 gives it to whoever runs it, so a user is root in a namespace.
 */
export async function packSquashfs(archive: string, image: string, { host, signal }: Context): Promise<void> {
  const { isRoot } = await host.facts();
  const asRoot = isRoot ? [] : ['unshare', '--map-root-user'];
  const fromArchive = ['sh', '-c', 'archive=$1; shift; exec mksquashfs - "$@" < "$archive"', 'sh', archive];
  const { exitCode, stderr } = await host.exec([...asRoot, ...fromArchive, image, '-tar', ...SQUASHFS_OPTIONS], {
    // The time of the image, and the latest that any file in it has.
    env: { SOURCE_DATE_EPOCH: `${DEBIAN_EPOCH}` },
    signal,
  });
  if (exitCode !== 0) throw packingFailed(image, stderr, 'It must be version 4.5 or later, which reads tar archives.');
}

/** Packs a folder into an image in which all is root's, for everybody to read; the same names and contents give the same bytes. */
export async function packFolder(folder: string, image: string, { host, signal }: Context): Promise<void> {
  const times = ['-all-time', `${DEBIAN_EPOCH}`, '-mkfs-time', `${DEBIAN_EPOCH}`];
  const options = [...SQUASHFS_OPTIONS, '-all-root', '-no-xattrs', ...times];
  // The variable would be refused beside the time options.
  const script = 'chmod -R a=rX,u+w "$1" && exec env -u SOURCE_DATE_EPOCH mksquashfs "$@"';
  const { exitCode, stderr } = await host.exec(['sh', '-c', script, 'sh', folder, image, ...options], { signal });
  if (exitCode !== 0) throw packingFailed(image, stderr, 'Is there room on the disk?');
}

function packingFailed(image: string, stderr: string, hint: string): VmkitError {
  return new VmkitError('build', 'mksquashfs-failed', `mksquashfs could not pack ${image}.\n${stderr.trim()}`, {
    hint: `${hint} mksquashfs -version tells its version.`,
  });
}
