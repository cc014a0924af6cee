import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';

/**
 * A small file on a data disk that no machine has mounted, as its last orderly stop, or the last time that it was synced, left it. Undefined where there is none.
 * `path` is in the file system: `/postgres/17/PG_VERSION`. debugfs(8) reads only, and never fails for a file that is not there.
 */
export async function readFromDisk(
  disk: string,
  path: string,
  { host, signal }: Pick<Context, 'host' | 'signal'>,
): Promise<string | undefined> {
  const asked = await debugfs(disk, `cat ${path}`, { host, signal });
  return asked.stderr.includes('File not found') ? undefined : asked.stdout;
}

/** The names in a folder there; none where it is not there. */
export async function listOnDisk(
  disk: string,
  path: string,
  context: Pick<Context, 'host' | 'signal'>,
): Promise<readonly string[]> {
  const { stdout } = await debugfs(disk, `ls -p ${path}`, context);
  // /INODE/MODE/UID/GID/NAME/SIZE/
  return stdout.split('\n').flatMap((line) => line.split('/')[5] ?? []);
}

async function debugfs(
  disk: string,
  request: string,
  { host, signal }: Pick<Context, 'host' | 'signal'>,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const result = await host.exec(['debugfs', '-R', request, disk], { withinMs: 120_000, signal });
  if (result.exitCode === 0) return result;
  throw new VmkitError('tool', 'data-disk-tool-failed', `debugfs did not read ${disk}: ${result.stderr.trim()}`);
}
