import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256 } from '../../core/digest.ts';
import { isSystemError, VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import { makeFolders } from '../../host/local/files/make-folders.ts';
import { explainWriteError } from '../../host/local/files/write-error.ts';
import { withLock } from '../../host/with-lock.ts';
import { chunksOf } from './body.ts';
import { DEFAULT_LIMITS, get } from './http.ts';
import { retry } from './retry.ts';
import { sha256OfFile } from './sha256-of-file.ts';
import { type Download, transfer } from './transfer.ts';

export interface Downloaded {
  /** Absolute path in the cache, named as the URL ends. */
  readonly path: string;
  readonly sha256: string;
}

/**
 * The file behind a URL, whole and verified, from the cache or the network. Goes on where a former transfer was cut, also in a
 * former run. Errors: `no-network`, `download-refused`, `download-cut`, `checksum-wrong`, `disk-full`, `interrupted`.
 */
export async function download(request: Download, context: Context): Promise<Downloaded> {
  const path = cachePath(request, context);
  const folder = dirname(path);
  try {
    makeFolders(folder);
    return await withLock(`${path}.lock`, `the download of ${request.name}`, context, async () => {
      const cached = await verifyCached(path, request.sha256);
      if (cached !== undefined) return { path, sha256: cached };
      const digest = await transferVerified(request, `${path}.part`, context);
      await rename(`${path}.part`, path);
      await rm(`${path}.part.json`, { force: true });
      return { path, sha256: digest };
    });
  } catch (error) {
    throw await explainWriteError(error, `Downloading ${request.name}`, folder, `Make room; ${folder} may be deleted.`);
  }
}

/** The text behind a URL: a published checksum, a list of releases. At most 16 MiB, never cached. */
export async function fetchText(request: Omit<Download, 'sha256'>, context: Pick<Context, 'signal'>): Promise<string> {
  const limits = { ...DEFAULT_LIMITS, ...request.limits };
  return await retry(request, limits, context.signal, async () => {
    const response = await get(request.name, request.url, {}, limits.answerMs, context.signal);
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of chunksOf(response, limits.stallMs)) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > 16 * 1024 * 1024)
        throw new VmkitError('build', 'download-too-long', `${request.url} sent more than such a file can have.`);
    }
    return text;
  });
}

function cachePath(request: Download, context: Pick<Context, 'paths'>): string {
  const file = new URL(request.url).pathname.split('/').pop() || 'download';
  return join(
    context.paths.cache,
    'downloads',
    sha256(request.url).slice(0, 16),
    decodeURIComponent(file).replaceAll('/', '_'),
  );
}

/** The digest of the file in the cache; undefined, and the file removed, when it is not (or no longer) the one asked for. */
async function verifyCached(path: string, expected: string | undefined): Promise<string | undefined> {
  try {
    const digest = await sha256OfFile(path);
    if (expected === undefined || digest === expected) return digest;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
  await rm(path, { force: true });
  return undefined;
}

async function transferVerified(request: Download, part: string, context: Context): Promise<string> {
  // A part of other content cannot be told from a good one where the server gives no validator: so one whole second try.
  for (const isLast of [false, true]) {
    const resumed = await transfer(request, part, context);
    const digest = await sha256OfFile(part);
    if (request.sha256 === undefined || digest === request.sha256) return digest;
    await rm(part, { force: true });
    if (!resumed || isLast) throw wrongChecksum(request, digest);
  }
  throw new Error('unreachable');
}

function wrongChecksum(request: Download, digest: string): VmkitError {
  return new VmkitError(
    'build',
    'checksum-wrong',
    `Downloading ${request.name}: its checksum is not the published one. The file was deleted.`,
    {
      hint: 'Try again. If it fails the same way, a proxy, a mirror or an attacker changes the file: compare with the publisher.',
      details: { url: request.url, expected: request.sha256, found: digest },
    },
  );
}
