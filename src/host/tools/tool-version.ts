import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../core/digest.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../context.ts';
import { findProgram, searchPath } from '../local/search-path.ts';

/**
 * The first line of `PROGRAM --version`. Kept in the cache for as long as the file is the same one (path, size, time, inode): a process for each
 * tool would be a third of what `boot` takes when there is nothing to do. Throws `toolchain-broken`, or `tool-missing`.
 */
export async function toolVersion(program: string, context: Context): Promise<string> {
  // Another host's programs are not ours: what is at the same path here says nothing.
  if (!context.host.isHere) return askVersion(program, context);
  const cacheFile = await cacheFileOf(program, context);
  const known = cacheFile === undefined ? undefined : await context.host.readOurs(cacheFile);
  if (known !== undefined && known !== '') return known;
  const version = await askVersion(program, context);
  if (cacheFile !== undefined) await context.host.write(cacheFile, version);
  return version;
}

async function cacheFileOf(program: string, { paths }: Context): Promise<string | undefined> {
  const found = findProgram(program, searchPath(process.env['PATH'] ?? ''));
  if (found === undefined) return undefined;
  const path = await realpath(found);
  const { size, mtimeMs, ctimeMs, ino } = await stat(path);
  // The name too: one file may answer differently by the name that it is called by.
  const key = sha256([program, path, size, mtimeMs, ctimeMs, ino].join('\n')).slice(0, 16);
  return join(paths.cache, 'tool-versions', key);
}

async function askVersion(program: string, { host, signal }: Context): Promise<string> {
  const options = { env: { LC_ALL: 'C' }, withinMs: 30_000, signal };
  const { exitCode, stdout, stderr } = await host.exec([program, '--version'], options);
  const line = stdout.split('\n')[0]?.trim() ?? '';
  if (exitCode === 0 && line !== '') return line;
  throw new VmkitError(
    'tool',
    'toolchain-broken',
    `${program} --version ended with exit code ${exitCode}. ${stderr.trim()}`,
    { hint: 'Its installation may be incomplete. Run the command by hand.' },
  );
}
