import { open, readFile, rm, stat } from 'node:fs/promises';
import * as z from 'zod';
import type { Context } from '../../host/context.ts';
import { chunksOf } from './body.ts';
import { DEFAULT_LIMITS, get, type HttpLimits, Transient } from './http.ts';
import { type Fetched, retry } from './retry.ts';

export interface Download extends Fetched {
  /** As published; undefined where nothing is published and the first digest seen is locked (source-lock.ts). */
  readonly sha256: string | undefined;
  readonly limits?: Partial<HttpLimits>;
}

/** What a partial file is a part of; without it, it is worth nothing. */
const partSchema = z.object({ url: z.string(), validator: z.string().nullable() });

/** Fills the partial file up to its end. Returns whether bytes of a former transfer are in it. */
export async function transfer(request: Download, part: string, context: Context): Promise<boolean> {
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
