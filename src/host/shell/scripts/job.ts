import { quoteWord } from '../../../core/shell-quote.ts';

// For any POSIX shell on Linux, with coreutils or busybox. Each runs in a subshell with its arguments as $1, $2 ...; all paths are absolute.

/** A block of a pushed file. */
export const BLOCK_BYTES = 65_536;

/** How a script says why it did not do its work. */
export const STATUS = { absent: 44, cutOff: 90, busy: 91, moved: 92, damaged: 93, noFlock: 94, odd: 95 } as const;

/** Functions that the scripts share; each shell reads them once. */
export const PRELUDE = `PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C
export PATH LC_ALL
finish() {
  printf '%s %s\\n' "$mark" "$1"
  printf '%s %s\\n' "$mark" "$1" >&2
}
take() {
  [ "$1" -lt ${BLOCK_BYTES} ] || dd bs=${BLOCK_BYTES} count=$(($1 / ${BLOCK_BYTES})) iflag=fullblock status=none || return
  [ $(($1 % ${BLOCK_BYTES})) -eq 0 ] || dd bs=$(($1 % ${BLOCK_BYTES})) count=1 iflag=fullblock status=none
}
refuse() {
  finish "$1"
  cat >/dev/null
  exit 0
}
sealed() { IFS= read -r seal && [ "$seal" = end ]; }
flush() { sync "$1" 2>/dev/null || sync; }
sum() { sha256sum <"$1" | cut -c 1-64; }
`;

/** A job: the script with its arguments. */
export function simpleJob(script: string, args: readonly string[]): string {
  return `(\nset -- ${args.map(quoteWord).join(' ')}\n${script})\nfinish $?`;
}

/** A job whose script reads input. What it did not read must not be taken for the next job, so it is the last one of its shell. */
export function inputJob(script: string, args: readonly string[]): string {
  return `${simpleJob(script, args)}\n${LAST}`;
}

/** The end of a shell whose input cannot be followed by another job. */
export const LAST = 'cat >/dev/null\nexit';
