const LOOP = 'while IFS= read -r job; do eval "$(printf %b "$job")"; done';

/**
 * The one command that a remote login shell is asked to run, whatever shell that is: fish, csh and POSIX shells read it alike, since it holds
 * neither a line break nor a quote inside. All else, scripts and secrets too, goes through standard input: one line per job.
 */
export const BOOT_COMMAND = `exec sh -c '${LOOP}'`;

/** The same without a login shell. */
export function bootArgv(shell: readonly string[] = ['sh']): string[] {
  return [...shell, '-c', LOOP];
}

/** Text as one line that `printf %b` turns back. */
export function oneLine(text: string): string {
  return `${text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`;
}

/**
 * The line that runs one job. Both streams get `mark` before the first byte of the job's output and `mark STATUS` after the last, so a banner is not taken
 * for output, and the end of a connection not for an exit code.
 */
export function jobLine(mark: string, script: string): string {
  return oneLine(`mark=${mark}\nprintf '%s\\n' "$mark"\nprintf '%s\\n' "$mark" >&2\n${script}`);
}
