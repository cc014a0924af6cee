/**
 * Reads jobs: lines that begin with `=`, and a line `.` that runs them. Without printf, which is a program in mksh: its arguments are seen by all, and are 128 KiB
 * at most. The first two commands make a line break, which cannot stand here.
 */
const LOOP =
  'n=$(echo; echo x); n=${n%x} job=; while IFS= read -r line; do case $line in .) eval "$job"; job=;; *) job=$job${line#=}$n;; esac; done';

/**
 * The one command that a remote login shell is asked to run, whatever shell that is: fish, csh and POSIX shells read it alike, since it holds
 * neither a line break nor a quote inside. All else, scripts and secrets too, goes through standard input.
 */
export const BOOT_COMMAND = `exec sh -c '${LOOP}'`;

/** The same without a login shell. */
export function bootArgv(shell: readonly string[] = ['sh']): string[] {
  return [...shell, '-c', LOOP];
}

/**
 * What runs one job. Both streams get `mark` before the first byte of the job's output and `mark STATUS` after the last, so a banner is not taken
 * for output, and the end of a connection not for an exit code.
 */
export function jobLines(mark: string, script: string): string {
  const lines = `mark=${mark}\necho "$mark"\necho "$mark" >&2\n${script.trimEnd()}`.split('\n');
  return `${lines.map((line) => `=${line}\n`).join('')}.\n`;
}
