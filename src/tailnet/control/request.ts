import { setTimeout as sleep } from 'node:timers/promises';
import type * as z from 'zod';
import { throwIfInterrupted } from '../../core/deadline.ts';
import { isSystemError } from '../../core/errors/errors.ts';
import { safeJson } from '../../core/text/json.ts';
import { reasonOf } from '../../store/fetch/http.ts';
import { type ApiRequest, explainRefusal, type Refusal, unreachable } from './control-error.ts';

/** In milliseconds: for one answer, whole. */
const ANSWER_MS = 15_000;
const ATTEMPTS = 5;
const LONGEST_WAIT_MS = 10_000;
/** An answer is a list of nodes at most. */
const LONGEST_ANSWER = 16 * 1024 * 1024;

/**
 * Asks a control server, and asks again after 429, 5xx, and what may pass of the network. What makes something is not sent again where
 * nobody knows whether it was made. Throws `control-refused`, `control-unreachable`.
 */
export async function ask<Schema extends z.ZodType>(
  request: ApiRequest,
  schema: Schema,
  signal: AbortSignal,
): Promise<z.output<Schema>> {
  let last = '';
  let isUnknown = false;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    throwIfInterrupted(signal);
    const outcome = await once(request, signal);
    if (outcome.kind === 'answer') {
      const parsed = schema.safeParse(safeJson(outcome.text === '' ? '{}' : outcome.text));
      if (parsed.success) return parsed.data;
      // Not shown: a key may be in it.
      throw unreachable(request, 'it answered what vmkit does not understand', !mayRepeat(request, NOT_UNDERSTOOD));
    }
    if (outcome.kind === 'refused' && outcome.status !== 429 && outcome.status < 500) {
      throw explainRefusal(request, outcome);
    }
    last =
      outcome.kind === 'refused'
        ? `${outcome.status}, ${PASSING[outcome.status] ?? 'an error of its own'}`
        : outcome.why;
    isUnknown = !mayRepeat(request, outcome);
    if (isUnknown || attempt === ATTEMPTS) break;
    const pause = Math.min(outcome.waitMs ?? 250 * 2 ** attempt, LONGEST_WAIT_MS);
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
  throwIfInterrupted(signal);
  throw unreachable(request, last, isUnknown);
}

/** It was done, or something else was. */
const NOT_UNDERSTOOD = { kind: 'lost', why: '', isUnsent: false } as const;

/** Statuses that pass, at which nothing was done (RFC 9110, RFC 6585). */
const PASSING: Readonly<Partial<Record<number, string>>> = { 429: 'too many requests', 503: 'not available now' };

/** Whether asking again does no harm: of what makes something nobody may be left to wonder whether it was made. */
function mayRepeat({ method, isRepeatable }: ApiRequest, outcome: Exclude<Outcome, { kind: 'answer' }>): boolean {
  if (method !== 'POST' || isRepeatable === true) return true;
  return outcome.kind === 'lost' ? outcome.isUnsent : PASSING[outcome.status] !== undefined;
}

type Outcome =
  | { readonly kind: 'answer'; readonly text: string }
  | (Refusal & { readonly kind: 'refused'; readonly waitMs: number | undefined })
  | { readonly kind: 'lost'; readonly why: string; readonly isUnsent: boolean; readonly waitMs?: undefined };

async function once({ method, url, headers, body }: ApiRequest, signal: AbortSignal): Promise<Outcome> {
  try {
    const response = await fetch(url, {
      method,
      headers: { accept: 'application/json', 'user-agent': 'vmkit', ...headers },
      ...(body === undefined ? {} : { body }),
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    const text = await readText(response);
    if (response.ok) return { kind: 'answer', text };
    const date = Date.parse(response.headers.get('date') ?? '');
    const after = Number(response.headers.get('retry-after') ?? Number.NaN);
    return {
      kind: 'refused',
      status: response.status,
      text,
      ...(Number.isNaN(date) ? {} : { aheadMs: date - Date.now() }),
      waitMs: Number.isNaN(after) ? undefined : after * 1000,
    };
  } catch (error) {
    const why =
      error instanceof Error && error.name === 'TimeoutError'
        ? `no answer within ${ANSWER_MS / 1000} s`
        : reasonOf(error);
    return { kind: 'lost', why, isUnsent: isRefused(error) };
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > LONGEST_ANSWER) throw new Error(`an answer of more than ${LONGEST_ANSWER / 1024 / 1024} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Nothing was sent. */
function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH'].some((code) =>
    isSystemError(cause, code),
  );
}
