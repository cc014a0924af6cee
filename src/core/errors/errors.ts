import type { ErrorCode } from './error-codes.ts';

/** What went wrong, by who can fix it. Each kind has one exit code; docs/errors.md lists the codes. */
const EXIT_CODES = {
  usage: 2,
  spec: 2,
  host: 3,
  tool: 3,
  build: 4,
  boot: 5,
  unreachable: 6,
  interrupted: 130,
} as const;

type ErrorKind = keyof typeof EXIT_CODES;

/** The exit code of an error that is a bug of vmkit (sysexits.h: EX_SOFTWARE). */
export const BUG_EXIT_CODE = 70;

interface VmkitErrorOptions {
  /** The next thing to try, as a sentence or a command. */
  hint?: string | undefined;
  cause?: unknown;
  /** Machine-readable evidence, printed by --json. Must not hold secrets. */
  details?: unknown;
}

/**
 * The one error type. `message` says what was being done and what happened; `hint` says what to try next.
 * `code` is a stable name (`port-in-use`) that scripts and docs/errors.md refer to.
 */
export class VmkitError extends Error {
  readonly kind: ErrorKind;
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: unknown;

  constructor(kind: ErrorKind, code: ErrorCode, message: string, options: VmkitErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'VmkitError';
    this.kind = kind;
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }

  get exitCode(): number {
    return EXIT_CODES[this.kind];
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether `error` is a Node system error with this code, such as ENOENT. */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
