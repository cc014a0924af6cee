import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { throwIfInterrupted } from '../../core/deadline.ts';
import { sha256 } from '../../core/digest.ts';
import { isSystemError, VmkitError } from '../../core/errors.ts';
import type { Context } from '../../host/context.ts';
import { explainWriteError } from '../../host/local/write-error.ts';
import { withLock } from '../../host/with-lock.ts';
import { DEFAULT_LIMITS, get, type HttpLimits, noNetwork, reasonOf, Transient } from './http.ts';

export interface Download {
  /** For people: `forgejo 9.0.3`. */
  readonly name: string;
  readonly url: string;
  /** As published; undefined where nothing is published and the first digest seen is locked (source-lock.ts). */
  readonly sha256: string | undefined;
  readonly limits?: Partial<HttpLimits>;
}

export interface Downloaded {
  /** Absolute path in the cache, named as the URL ends. */
  readonly path: string;
  readonly sha256: string;
}

/** What a partial file is a part of; without it, it is worth nothing. */
const partSchema = z.object({ url: z.string(), validator: z.string().nullable() });

/**
 * The file behind a URL, whole and verified, from the cache or the network. Goes on where a former transfer was cut, also in a
 * former run. Errors: `no-network`, `download-refused`, `download-cut`, `checksum-wrong`, `disk-full`, `interrupted`.
 */
export async function download(request: Download, context: Context): Promise<Downloaded> {
  const path = cachePath(request, context);
  const folder = dirname(path);
  try {
    await mkdir(folder, { recursive: true });
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

/** SHA-256 of a file, as 64 hex digits, without reading it into memory. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk);
  return hash.digest('hex');
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

/** Fills the partial file up to its end. Returns whether bytes of a former transfer are in it. */
async function transfer(request: Download, part: string, context: Context): Promise<boolean> {
  const limits = { ...DEFAULT_LIMITS, ...request.limits };
  let resumed = false;
  await retry(request, limits, context.signal, async (progressed) => {
    const offset = await resumableBytes(request, part);
    const headers: Record<string, string> = {};
    if (offset.bytes > 0) headers['range'] = `bytes=${offset.bytes}-`;
    if (offset.bytes > 0 && offset.validator !== null) headers['if-range'] = offset.validator;
    const response = await get(request.name, request.url, headers, limits.answerMs, context.signal);
    if (response.status === 416) {
      await response.body?.cancel();
      await rm(part, { force: true });
      throw new Transient('the server has fewer bytes than were already received');
    }
    const isPart =
      response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${offset.bytes}-`);
    if (response.status === 206 && isPart !== true) throw new Transient('the server answered with another range');
    resumed = isPart === true;
    const start = resumed ? offset.bytes : 0;
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    const total = Number.isInteger(length) ? start + length : undefined;
    if (!resumed) {
      await context.host.write(`${part}.json`, JSON.stringify({ url: request.url, validator: validatorOf(response) }));
    }
    await append(response, part, { start, total, stallMs: limits.stallMs, progressed }, context);
  });
  return resumed;
}

async function append(
  response: Response,
  part: string,
  at: { start: number; total: number | undefined; stallMs: number; progressed: () => void },
  context: Context,
): Promise<void> {
  const file = await open(part, at.start === 0 ? 'w' : 'a');
  let done = at.start;
  let reportedAt = 0;
  try {
    for await (const chunk of chunksOf(response, at.stallMs)) {
      await file.writeFile(chunk);
      done += chunk.length;
      at.progressed();
      if (performance.now() - reportedAt < 100) continue;
      reportedAt = performance.now();
      context.report({ kind: 'count', done, total: at.total, unit: 'bytes' });
    }
    await file.sync();
  } finally {
    await file.close();
  }
  context.report({ kind: 'count', done, total: at.total, unit: 'bytes' });
  if (at.total !== undefined && done !== at.total) throw new Transient(`${done} of ${at.total} bytes came`);
}

/** The body in chunks; a cut or stalled connection throws Transient. */
async function* chunksOf(response: Response, stallMs: number): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await withinStall(reader.read(), stallMs);
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function withinStall<T>(reading: Promise<T>, stallMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stall = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Transient(`nothing came for ${stallMs / 1000} s`)), stallMs);
  });
  try {
    return await Promise.race([reading, stall]);
  } catch (error) {
    throw error instanceof Transient
      ? error
      : new Transient(`the connection was cut: ${reasonOf(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Tries again after transient failures; each attempt that moved bytes gives the full number of attempts back. */
async function retry<T>(
  request: Pick<Download, 'name' | 'url'>,
  limits: HttpLimits,
  signal: AbortSignal,
  attempt: (progressed: () => void) => Promise<T>,
): Promise<T> {
  let received = false;
  for (let failures = 0; ; ) {
    let progressed = false;
    try {
      return await attempt(() => {
        progressed = true;
      });
    } catch (error) {
      throwIfInterrupted(signal);
      if (!(error instanceof Transient)) throw error;
      received ||= progressed;
      failures = progressed ? 1 : failures + 1;
      if (failures >= limits.attempts) throw gaveUp(request, received, error);
      await sleep(Math.min(250 * 2 ** failures, 8_000), undefined, { signal }).catch(() => undefined);
      throwIfInterrupted(signal);
    }
  }
}

async function resumableBytes(request: Download, part: string): Promise<{ bytes: number; validator: string | null }> {
  try {
    const [{ size }, text] = await Promise.all([stat(part), readFile(`${part}.json`, 'utf8')]);
    const { url, validator } = partSchema.parse(JSON.parse(text));
    // Without validator and checksum nothing would tell that the content has changed in between.
    if (url === request.url && (validator !== null || request.sha256 !== undefined)) return { bytes: size, validator };
  } catch {
    // No part, or one without its description: from the start.
  }
  return { bytes: 0, validator: null };
}

/** A strong ETag, else the date; both are valid in If-Range (RFC 9110, section 13.1.5). */
function validatorOf(response: Response): string | null {
  const etag = response.headers.get('etag');
  return etag !== null && !etag.startsWith('W/') ? etag : response.headers.get('last-modified');
}

function gaveUp(request: Pick<Download, 'name' | 'url'>, received: boolean, error: Transient): VmkitError {
  if (!received) return noNetwork(request.name, request.url, error.message, error);
  return new VmkitError('host', 'download-cut', `Downloading ${request.name}: ${error.message}.`, {
    hint: 'Run the command again: the download goes on where it was cut.',
    cause: error,
    details: { url: request.url },
  });
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
