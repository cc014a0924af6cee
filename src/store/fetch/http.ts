import { isSystemError, messageOf, VmkitError } from '../../core/errors/errors.ts';

/** What a server and the way to it are given. */
export interface HttpLimits {
  /** Milliseconds until the headers of an answer must be there. */
  readonly answerMs: number;
  /** Milliseconds without a single byte until a transfer counts as stalled. */
  readonly stallMs: number;
  /** Attempts in a row without any new byte, before it is given up. */
  readonly attempts: number;
}

export const DEFAULT_LIMITS: HttpLimits = { answerMs: 15_000, stallMs: 30_000, attempts: 4 };

/** A failure that another attempt may not have. */
export class Transient extends Error {}

/** GET with a deadline for the headers. Throws Transient, or VmkitError where another attempt would not help. */
export async function get(
  name: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  answerMs: number,
  signal: AbortSignal,
): Promise<Response> {
  const answer = new AbortController();
  const timer = setTimeout(() => answer.abort(), answerMs);
  try {
    const response = await fetch(url, {
      // A transparent compression would make byte ranges and lengths meaningless.
      headers: { 'accept-encoding': 'identity', 'user-agent': 'vmkit', ...headers },
      signal: AbortSignal.any([signal, answer.signal]),
    });
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    if (response.status >= 500 || response.status === 408 || response.status === 429) {
      throw new Transient(`the server answered ${response.status} ${response.statusText}`);
    }
    throw new VmkitError('build', 'download-refused', `Downloading ${name}: ${url} answered ${response.status}.`, {
      hint:
        response.status === 404
          ? 'Does this version exist? Another one can be named.'
          : 'Open the address in a browser.',
      details: { url, status: response.status },
    });
  } catch (error) {
    if (error instanceof VmkitError || error instanceof Transient || signal.aborted) throw error;
    if (answer.signal.aborted) throw new Transient(`no answer within ${answerMs / 1000} s`);
    throw new Transient(reasonOf(error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** `fetch failed` says nothing; its cause does. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (isSystemError(cause, 'ENOTFOUND') || isSystemError(cause, 'EAI_AGAIN')) return 'the name cannot be resolved';
  if (isSystemError(cause, 'ECONNREFUSED')) return 'the connection was refused';
  if (isSystemError(cause, 'ENETUNREACH') || isSystemError(cause, 'EHOSTUNREACH')) return 'the network is unreachable';
  return cause === undefined ? messageOf(error) : messageOf(cause) || messageOf(error);
}

export function noNetwork(name: string, url: string, reason: string, cause: unknown): VmkitError {
  return new VmkitError('host', 'no-network', `Downloading ${name}: ${new URL(url).host}: ${reason}.`, {
    hint: `Is there a network? Try: curl -fI ${url}`,
    cause,
    details: { url },
  });
}
