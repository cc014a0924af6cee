import { quoteWord } from '../../../core/text/shell-quote.ts';
import { exports } from '../variables.ts';
import { LAST, STATUS } from './job.ts';

/**
 * A job that runs a command as a process group of its own: `$1` folder or '', `$2` bytes of input. `env` never appears on a command line.
 */
export function commandJob(
  argv: readonly string[],
  options: { cwd?: string | undefined; env?: Readonly<Record<string, string>> | undefined; inputBytes: number },
): string {
  const args = [options.cwd ?? '', String(options.inputBytes), ...argv];
  return `(\n${exports(options.env)}set -- ${args.map(quoteWord).join(' ')}\n${COMMAND}) || {\nfinish lost\n${LAST}\n}`;
}

/** A job that starts a process which lives on: `$1` folder or '', `$2` log file, `$3` its folder, `$4` bytes of input. */
export function startJob(
  argv: readonly string[],
  options: {
    cwd?: string | undefined;
    env?: Readonly<Record<string, string>> | undefined;
    logFile: string;
    logFolder: string;
    inputBytes: number;
  },
): string {
  const args = [options.cwd ?? '', options.logFile, options.logFolder, String(options.inputBytes), ...argv];
  const job = `(\n${exports(options.env)}set -- ${args.map(quoteWord).join(' ')}\n${START}) || finish $?`;
  return options.inputBytes === 0 ? job : `${job}\n${LAST}`;
}

const LOOK_BEFORE_RUN = `[ -z "$folder" ] || cd -- "$folder" 2>/dev/null || refuse no-folder
command -v setsid >/dev/null || refuse no-setsid
command -v -- "$1" >/dev/null || refuse no-program
`;

/**
 * The watcher hands on the input and then waits: a line means that the end of the command was noticed, the end of input that nobody waits for the command any more.
 * It does not close an input that was cut off, so nobody takes half of it for the whole. The input goes through a FIFO and not a pipe: `wait` of dash waits for
 * all of a pipeline.
 */
const COMMAND = `folder=$1 size=$2
shift 2
${LOOK_BEFORE_RUN}exec 3<&0 4>/dev/null 5>&2
if [ "$size" -eq 0 ]; then
  setsid "$@" </dev/null 2>&5 3<&- 4>&- 5>&- &
  pid=$!
else
  { fifo=$(mktemp -d) && mkfifo "$fifo/in"; } || exit
  setsid "$@" <"$fifo/in" 2>&5 3<&- 4>&- 5>&- &
  pid=$!
  exec 4>"$fifo/in"
  rm -r "$fifo"
fi
exec 2>/dev/null
{
  if take "$size" >&4 && sealed; then
    exec 4>&-
    sealed && exit 0
  else
    cat
  fi
  kill -TERM "-$pid" || kill -TERM "$pid"
  for second in 1 2 3 4 5; do
    sleep 1
    kill -0 "-$pid" || exit 0
  done
  kill -KILL "-$pid"
} <&3 >/dev/null 3<&- 5>&- &
exec 4>&-
wait "$pid"
finish $? 2>&5
exec >/dev/null 5>&-
wait
exit 0
`;

/** The process says itself who it is, since one that ends at once is gone before anybody can look. */
const START = `folder=$1 log=$2 size=$4 in=/dev/null
mkdir -p -- "$3" || exit
(umask 077; : >>"$log") || exit
shift 4
${LOOK_BEFORE_RUN}cat /proc/sys/kernel/random/boot_id || exit
if [ "$size" -gt 0 ]; then
  { fifo=$(mktemp -d) && mkfifo "$fifo/in"; } || exit
  in=$fifo/in
  exec 6<&0
  take "$size" <&6 >"$in" 2>/dev/null &
fi
stat=$(setsid sh -c 'read -r stat </proc/self/stat && echo "$stat" >&3; exec "$@" 3>&-' sh "$@" 3>&1 <"$in" >>"$log" 2>&1 6<&- &)
if [ "$size" -gt 0 ]; then
  wait
  rm -r "$fifo"
fi
printf '%s\\n' "$stat"
finish 0
`;

/** Whether a process runs, and with `$4` sends it that signal: `$1` pid, `$2` start time, `$3` boot id or ''. Field 20 after the name is the start time. */
export const PROCESS = `pid=$1 start=$2 boot=$3 signal=$4
read -r now </proc/sys/kernel/random/boot_id
[ -z "$boot" ] || [ "$now" = "$boot" ] || exit ${STATUS.absent}
[ -d "/proc/$pid" ] || exit ${STATUS.absent}
{ read -r stat <"/proc/$pid/stat"; } 2>/dev/null || exit ${STATUS.absent}
# shellcheck disable=SC2086
set -- \${stat##*) }
case $1 in Z | X) exit ${STATUS.absent} ;; esac
[ "\${20}" = "$start" ] || exit ${STATUS.absent}
[ -z "$signal" ] || kill -s "$signal" "$pid"
`;
