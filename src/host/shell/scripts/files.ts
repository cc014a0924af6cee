import { STATUS } from './job.ts';
import { OURS } from './ours.ts';

/**
 * A file may come and go at any moment, so nobody looks before: what failed is told apart afterwards. Absent is an answer; what is there by now is tried again, and
 * what cannot be used fails each time.
 */
const AGAIN = `tries=0
again() { tries=$((tries + 1)); [ $tries -lt 10 ]; }
is_there() { [ -e "$1" ] || [ -L "$1" ]; }
`;
const UNLESS_ABSENT = `do
  is_there "$1" || exit ${STATUS.absent}
  again || exit 1
done`;

export const READ = `${AGAIN}until command exec 3<"$1"; ${UNLESS_ABSENT}
cat <&3 && exit
# Of a process that ends while its file is read.
is_there "$1" || exit ${STATUS.absent}
exit 1
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
export const LIST = `${AGAIN}[ ! -e "$1" ] || [ -d "$1" ] || exit ${STATUS.absent}
until cd -- "$1"; ${UNLESS_ABSENT}
set --
for name in .* *; do
  case $name in . | ..) continue ;; esac
  if [ -e "$name" ] || [ -L "$name" ]; then set -- "$@" "$name"; fi
done
[ $# -eq 0 ] || printf '%s\\0' "$@"
`;

/** A line for each path, empty where nothing is: size, mode in hexadecimal, owner and group, seconds of the last change, blocks and their size. */
export const STAT = `${AGAIN}for path; do
  until facts=$(stat -L -c '%s %f %u %g %Y %b %B' -- "$path" 2>&1); do
    [ -e "$path" ] || { facts=''; break; }
    again || { echo "$facts" >&2; exit 1; }
  done
  echo "$facts"
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
