import { quoteWord } from '../../core/text/shell-quote.ts';

/**
 * A root for another processor than this computer's. Its packages are installed as any root's are, script by script, in the root itself. Only what runs those scripts is
 * this computer's own (sh, coreutils, perl, dpkg-deb), since each program start under emulation takes a tenth of a second. dpkg itself, and all that tells or
 * depends on the processor, is the root's own, emulated.
 */

/** The end of a name under which the root's own program waits. */
const AWAY = '.vmkit-away';

/** These say which processor they are for. */
const OWN = ['arch', 'dpkg', 'dpkg-query', 'uname'];

/** Packs the programs of an unpacked root, $1, with their libraries and loader, as $2. In an empty folder. */
export const PACK_PROGRAMS: string = `set -eu
mkdir all
tar -x -f "$1" -C all
cd all
for program in usr/bin/* usr/sbin/*; do
  case \${program##*/} in ${OWN.join(' | ')}) continue ;; esac
  [ ! -L "$program" ] && [ -f "$program" ] || continue
  [ "$(head -c 4 "$program" | tail -c 3)" != ELF ] || echo "$program"
done >../names
for part in lib64 usr/lib64 usr/lib/ld-linux* usr/lib/*-linux-gnu; do
  [ ! -e "$part" ] && [ ! -L "$part" ] || echo "$part"
done >>../names
tar -c -f "$2" --sort=name -T ../names
`;

/**
 * A hook of mmdebstrap, after Debian's essential packages are unpacked and before they are installed: the programs of `archive` take the places of the root's, and dpkg's
 * diversions (dpkg-divert(1)) keep them there whatever is unpacked.
 */
export function putNativePrograms(archive: string): string {
  return `set -eu
tar -t -f ${quoteWord(archive)} | grep -E '^usr/s?bin/' | while read -r program; do
  [ ! -e "$1/$program" ] || mv "$1/$program" "$1/$program${AWAY}"
  printf '/%s\\n/%s\\n:\\n' "$program" "$program${AWAY}"
done >>"$1/var/lib/dpkg/diversions"
tar -x -f ${quoteWord(archive)} -C "$1" --keep-directory-symlink
`;
}

/** A hook of mmdebstrap, after all packages are installed: the root's own programs come back, and nothing is left of the others. */
export function takeNativePrograms(archive: string): string {
  return `set -eu
tar -t -f ${quoteWord(archive)} | sort -r | while read -r name; do
  case $name in
    */) rmdir "$1/$name" 2>/dev/null || true ;;
    *) rm -f "$1/$name" ;;
  esac
  [ ! -e "$1/$name${AWAY}" ] || mv "$1/$name${AWAY}" "$1/$name"
done
for list in diversions diversions-old; do
  [ -e "$1/var/lib/dpkg/$list" ] || continue
  # Three lines each: the name, the name instead, the package.
  awk '{ name = $0; getline away; getline who; if (away != name "${AWAY}") print name "\\n" away "\\n" who }' "$1/var/lib/dpkg/$list" >"$1/list"
  cat "$1/list" >"$1/var/lib/dpkg/$list"
done
rm -f "$1/list"
`;
}
