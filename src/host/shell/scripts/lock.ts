import { STATUS } from './job.ts';

/**
 * Holds a lock until it is ended: `$1` path, `$2` its folder, `$3` purpose. Says `held PURPOSE` while another has it, and `locked`. A lock on a file that has
 * no name any more excludes nobody.
 */
export const LOCK = `command -v flock >/dev/null || exit ${STATUS.noFlock}
mkdir -p -- "$2" || exit
umask 077
while :; do
  exec 9>>"$1" || exit
  if ! flock -n 9 9>&9; then
    echo "held $(head -n 1 -- "$1")"
    flock -x 9 9>&9 || exit
  fi
  if [ "$1" -ef /proc/self/fd/9 ]; then break; fi
done
printf '%s\\n' "$3" >"$1"
echo locked
while :; do sleep 86400; done
`;
