import { BLOCK_BYTES, STATUS } from './job.ts';

/** `$1` path, `$2` its folder, `$3` file of what came so far, `$4` size. Prints the digest where the size is right, and the size of what came. */
export const PUSH_LOOK = `mkdir -p -- "$2" || exit
if [ -f "$1" ] && [ "$(stat -L -c %s -- "$1")" = "$4" ]; then sum "$1"; else echo absent; fi
if [ -f "$3" ]; then stat -c %s -- "$3"; else echo 0; fi
`;

/**
 * `$1` path, `$2` its folder, `$3` file of what came so far, `$4` size, `$5` digest, `$6` mode, `$7` bytes that came. Reads `SEEK COUNT`
 * and so many blocks, again and again, until `end`. What is skipped stays a hole.
 */
export const PUSH_TAKE = `set -e
umask 077
command -v flock >/dev/null || exit ${STATUS.noFlock}
exec 9>>"$3"
tries=0
until flock -n 9 9>&9; do
  tries=$((tries + 1))
  [ "$tries" -lt 20 ] || exit ${STATUS.busy}
  sleep 1
done
# Who had it before us gave it its name, and what is there now is another's, or is what we have just made.
[ "$3" -ef /proc/self/fd/9 ] || exit ${STATUS.moved}
[ "$(stat -c %s -- "$3")" = "$7" ] || {
  [ -s "$3" ] || rm -f -- "$3"
  exit ${STATUS.moved}
}
seek=''
while read -r seek count; do
  [ "$seek" != end ] || break
  # What finds no room is not kept: it would take the room that is left.
  dd ibs=${BLOCK_BYTES} obs=${BLOCK_BYTES} seek="$seek" count="$count" "$full" conv=notrunc status=none of="$3" || {
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
