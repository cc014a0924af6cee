import { quoteWord } from '../../../core/text/shell-quote.ts';

// For any POSIX shell on Linux, with coreutils, busybox, or Android's toybox. Each runs in a subshell with its arguments as $1, $2 ...; all paths are absolute.
// mksh, Android's shell: printf is a program there, whose arguments all can read; numbers have 32 bits; a file that \`exec\` opened as 9 is handed to a program by \`9>&9\`.

/** A block of a pushed file. */
export const BLOCK_BYTES = 65_536;

/** How a script says why it did not do its work. */
export const STATUS = { absent: 44, cutOff: 90, busy: 91, moved: 92, damaged: 93, noFlock: 94, odd: 95 } as const;

/** Functions that the scripts share; each shell reads them once. */
export const PRELUDE = `PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C
export PATH LC_ALL
finish() {
  echo "$mark $1"
  echo "$mark $1" >&2
}
# toybox's dd counts bytes of itself, and knows no fullblock. Android 13's, given bs, writes past its memory at a short read.
full=iflag=fullblock
dd "$full" count=0 </dev/null >/dev/null 2>&1 || full=status=none
take() {
  [ "$1" -lt ${BLOCK_BYTES} ] || dd ibs=${BLOCK_BYTES} obs=${BLOCK_BYTES} count=$(($1 / ${BLOCK_BYTES})) "$full" status=none || return
  [ $(($1 % ${BLOCK_BYTES})) -eq 0 ] || dd ibs=$(($1 % ${BLOCK_BYTES})) obs=$(($1 % ${BLOCK_BYTES})) count=1 "$full" status=none
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
