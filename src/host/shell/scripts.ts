import { quoteWord } from '../../core/shell-quote.ts';
import { exports } from './variables.ts';

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

const LAST = 'cat >/dev/null\nexit';

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

/**
 * What came in a rotated log: `$1` path, `$2` inode of the file that was read last, `$3` up to which byte, `$4` checksum of its start, since the inode of a file
 * that is gone is given again. Prints what came, and then the new place in a line of its own. Both files are open before they are looked at, the newest first.
 */
export const LOG = `inode=$2 offset=$3 start=$4
start_of() { head -c "$((offset < 512 ? offset : 512))" "/proc/self/fd/$1" | sha256sum | cut -c 1-16; }
is_last() { [ "$2" = "$inode" ] && [ "$(start_of "$1")" = "$start" ]; }
tell() {
  size=$(stat -L -c %s "/proc/self/fd/$1")
  [ "$size" -le "$offset" ] || tail -c "+$((offset + 1))" "/proc/self/fd/$1" | head -c "$((size - offset))"
  inode=$2 offset=$size
  start=$(start_of "$1")
}
exec 3</dev/null 4</dev/null
[ ! -e "$1" ] || exec 3<"$1"
[ ! -e "$1.1" ] || exec 4<"$1.1"
facts=$(stat -L -c '%i %s' /proc/self/fd/3 /proc/self/fd/4)
newest=\${facts%% *} former=\${facts##*
}
former=\${former%% *}
# Most often nothing came.
if [ -e "$1" ] && [ "$newest" != "$former" ] && [ "\${facts%%
*}" != "$inode $offset" ]; then
  if ! is_last 3 "$newest"; then
    if [ -e "$1.1" ]; then
      is_last 4 "$former" || offset=0
      tell 4 "$former"
    fi
    offset=0
  fi
  tell 3 "$newest"
fi
printf '\\n%s %s %s\\n' "$inode" "$offset" "$start"
`;

/**
 * Whose work a file may be: `$1` path. Each part of the path, and of the one that its links lead to, is judged. Prints the path, which part of it is odd, and why.
 */
export const OURS = `me=$(id -u) asked=$1
odd() {
  printf '%s\\n' "$asked" "$1" "$2"
  exit ${STATUS.odd}
}
is_private() {
  awk -F : -v group="$1" -v user="$2" '
    FILENAME ~ /passwd/ { name[$3] = $1; if ($4 == group && $3 != user) shared = 1 }
    FILENAME ~ /group/ && $3 == group { members = $4; found = 1 }
    END {
      if (!found || name[user] == "") exit 1
      count = split(members, each, ",")
      for (i = 1; i <= count; i++) if (each[i] != "" && each[i] != name[user]) shared = 1
      exit shared
    }' /etc/passwd /etc/group
}
judge() {
  mode=$((0x$4))
  [ "$2" -eq "$me" ] || [ "$2" -eq 0 ] || odd "$1" "belongs to the user $2"
  case $((mode & 0170000)) in
    40960) return 0 ;;
    16384) [ $((mode & 01000)) -eq 0 ] || return 0 ;;
  esac
  [ $((mode & 2)) -eq 0 ] || odd "$1" 'may be written by everybody'
  [ $((mode & 16)) -eq 0 ] || is_private "$3" "$2" || odd "$1" "may be written by the group $3"
}
walk() {
  at='' rest=\${1#/}/
  set --
  while [ -n "$rest" ]; do
    at=$at/\${rest%%/*} rest=\${rest#*/}
    if [ -e "$at" ] || [ -L "$at" ]; then set -- "$@" "$at"; fi
  done
  [ $# -gt 0 ] || return 0
  # One process for all parts; what is gone by now is not judged.
  for facts in $(stat -c '%u:%g:%f' -- "$@" 2>/dev/null); do
    group=\${facts#*:}
    judge "$1" "\${facts%%:*}" "\${group%%:*}" "\${facts##*:}"
    shift
  done
}
walk "$1"
[ -e "$1" ] || exit 0
real=$(readlink -f -- "$1") || exit
[ "$real" = "$1" ] || walk "$real"
`;

export const READ = `[ -e "$1" ] || [ -L "$1" ] || exit ${STATUS.absent}
cat -- "$1"
`;

/** Both: what is read is ours. */
export const READ_OURS = `(
${OURS}) || exit
${READ}`;

/** `$1` path, `$2` its folder, `$3` temporary file, `$4` mode, `$5` size. */
export const WRITE = `set -e
# A folder that is made for what is private is private.
case $4 in *00) umask 077 ;; esac
mkdir -p -- "$2"
[ ! -d "$1" ] || { echo "$1 is a folder" >&2; exit 1; }
umask 077
trap 'rm -f -- "$3"' EXIT
take "$5" >"$3"
sealed || exit ${STATUS.cutOff}
chmod "$4" "$3"
flush "$3"
mv -f -- "$3" "$1"
trap - EXIT
flush "$2"
`;

/** The names in a folder, each with a zero byte at its end. */
export const LIST = `[ -d "$1" ] || exit ${STATUS.absent}
cd -- "$1" || exit
for name in .* *; do
  case $name in . | ..) continue ;; esac
  if [ -e "$name" ] || [ -L "$name" ]; then printf '%s\\0' "$name"; fi
done
`;

/** A line for each path, empty where nothing is: size, mode in hexadecimal, owner and group, seconds of the last change, blocks and their size. */
export const STAT = `for path; do
  if [ -e "$path" ]; then stat -L -c '%s %f %u %g %Y %b %B' -- "$path" || exit; else echo; fi
done
`;

export const MAKE_FOLDER = `mkdir -p -- "$1" && chmod "$2" "$1"
`;

export const REMOVE = `rm -rf -- "$1"
`;

/** KiB that are free where the path is, or will be. */
export const SPACE = `path=$1
until [ -e "$path" ]; do path=$(dirname -- "$path"); done
df -Pk -- "$path" | tail -n 1 | { read -r _ _ _ free _ && echo "$free"; }
`;

/** Prints which of the programs are there. */
export const PROGRAMS = `for name; do
  if command -v -- "$name" >/dev/null; then printf '%s\\n' "$name"; fi
done
`;

export const PLACE = `uname -sr
cat /proc/sys/kernel/random/boot_id
uname -m
nproc
id -u
printf '%s\\n' "$HOME" "\${XDG_CACHE_HOME:-}" "\${XDG_DATA_HOME:-}" "\${XDG_STATE_HOME:-}"
`;

/** Which ports are taken: the tables of the kernel (proc_net_tcp.rst). */
export const TCP_PORTS = `cat /proc/net/tcp
[ ! -e /proc/net/tcp6 ] || cat /proc/net/tcp6
`;

/** `$1` path, `$2` its folder, `$3` file of what came so far, `$4` size. Prints the digest where the size is right, and the size of what came. */
export const PUSH_LOOK = `mkdir -p -- "$2" || exit
if [ -f "$1" ] && [ "$(stat -L -c %s -- "$1")" = "$4" ]; then sum "$1"; else echo absent; fi
if [ -f "$3" ]; then stat -c %s -- "$3"; else echo 0; fi
`;

/**
 * `$1` path, `$2` its folder, `$3` file of what came so far, `$4` size, `$5` digest, `$6` mode, `$7` whole blocks that came. Reads `SEEK COUNT`
 * and so many blocks, again and again, until `end`. What is skipped stays a hole.
 */
export const PUSH_TAKE = `set -e
umask 077
command -v flock >/dev/null || exit ${STATUS.noFlock}
exec 9>>"$3"
tries=0
until flock -n 9; do
  tries=$((tries + 1))
  [ "$tries" -lt 20 ] || exit ${STATUS.busy}
  sleep 1
done
[ -e "$3" ] || exit ${STATUS.moved}
[ $(($(stat -c %s -- "$3") / ${BLOCK_BYTES})) -eq "$7" ] || exit ${STATUS.moved}
seek=''
while read -r seek count; do
  [ "$seek" != end ] || break
  # What finds no room is not kept: it would take the room that is left.
  dd bs=${BLOCK_BYTES} seek="$seek" count="$count" iflag=fullblock conv=notrunc status=none of="$3" || {
    rm -f -- "$3"
    exit 1
  }
done
[ "$seek" = end ] || exit ${STATUS.cutOff}
dd bs=1 seek="$4" count=0 status=none of="$3"
[ "$(sum "$3")" = "$5" ] || { rm -f -- "$3"; exit ${STATUS.damaged}; }
[ ! -d "$1" ] || { echo "$1 is a folder" >&2; exit 1; }
chmod "$6" "$3"
flush "$3"
mv -f -- "$3" "$1"
flush "$2"
`;

/**
 * Holds a lock until it is ended: `$1` path, `$2` its folder, `$3` purpose. Says `held PURPOSE` while another has it, and `locked`. A lock on a file that has
 * no name any more excludes nobody.
 */
export const LOCK = `command -v flock >/dev/null || exit ${STATUS.noFlock}
mkdir -p -- "$2" || exit
umask 077
while :; do
  exec 9>>"$1" || exit
  if ! flock -n 9; then
    echo "held $(head -n 1 -- "$1")"
    flock -x 9 || exit
  fi
  if [ "$1" -ef /proc/self/fd/9 ]; then break; fi
done
printf '%s\\n' "$3" >"$1"
echo locked
while :; do sleep 86400; done
`;
