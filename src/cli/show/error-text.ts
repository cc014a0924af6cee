import type { ErrorCode } from '../../core/errors/error-codes.ts';
import { BUG_EXIT_CODE, messageOf, VmkitError } from '../../core/errors/errors.ts';
import { printable, printableJson } from '../../core/text/printable.ts';
import { onHost } from './on-host.ts';
import { styled } from './style.ts';

export function exitCodeOf(error: unknown): number {
  return error instanceof VmkitError ? error.exitCode : BUG_EXIT_CODE;
}

/** What happened and the next thing to try, for a person. `hostUrl`: what the option `--host` said. */
export function errorText(error: unknown, stream: { isTTY?: boolean } = {}, hostUrl?: string): string {
  const label = styled(['red', 'bold'], 'error:', stream);
  if (!(error instanceof VmkitError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `${label} ${printable(stack)}\n${styled('bold', 'hint:', stream)} This is a bug of vmkit. Please report it with the lines above and the command.\n`;
  }
  const next = onHost(error.hint, hostUrl);
  const hint = next === undefined ? '' : `${styled('bold', 'hint:', stream)} ${indentRest(printable(next), 6)}\n`;
  return `${label} ${printable(error.message.trimEnd())}\n${hint}`;
}

/** The code of what nobody foresaw. */
const BUG_CODE: ErrorCode = 'bug';

/** The same as data, for `--json`. */
export function errorJson(error: unknown, hostUrl?: string): string {
  const data =
    error instanceof VmkitError
      ? {
          kind: error.kind,
          code: error.code,
          message: error.message,
          hint: onHost(error.hint, hostUrl),
          details: error.details,
        }
      : {
          kind: 'bug',
          code: BUG_CODE,
          message: messageOf(error),
          stack: error instanceof Error ? error.stack : undefined,
        };
  return `${printableJson({ error: { ...data, exitCode: exitCodeOf(error) } })}\n`;
}

function indentRest(text: string, columns: number): string {
  return text.trimEnd().replaceAll('\n', `\n${' '.repeat(columns)}`);
}
