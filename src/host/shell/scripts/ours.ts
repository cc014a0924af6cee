import { STATUS } from './job.ts';

/**
 * Whose work a file may be: `$1` path, `$2` a user of the system who is believed as root is, or ''; there, each user's number is that of a group of his own. Each part of the path, and of the one that its links lead to, is judged. Prints the path, which part of it is odd, and why.
 */
export const OURS = `me=$(id -u) asked=$1 system=$2
odd() {
  printf '%s\\n' "$asked" "$1" "$2"
  exit ${STATUS.odd}
}
is_private() {
  if [ -n "$system" ]; then
    case $1 in 0 | "$me" | "$system") return 0 ;; *) return 1 ;; esac
  fi
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
  [ "$2" -eq "$me" ] || [ "$2" -eq 0 ] || [ "$2" = "$system" ] || odd "$1" "belongs to the user $2"
  case $((mode & 61440)) in
    40960) return 0 ;;
    16384) [ $((mode & 512)) -eq 0 ] || return 0 ;;
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
