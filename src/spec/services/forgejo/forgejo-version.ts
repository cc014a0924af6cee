import { GUEST } from '../../../core/guest-paths.ts';
import { refuse } from '../../guest-event.ts';
import { FORGEJO_HOME, FORGEJO_USER } from './app-ini.ts';

/** `VERSION PRINT` of the Forgejo that was last ready with this data. */
const FORGEJO_VERSION_FILE = `${FORGEJO_HOME}/version`;

/**
 * Sets `known`, the version that the data is of, and `version`, that of the executable. The executable is asked only where it is another one than last time, since a
 * start of it costs seconds in a guest without KVM: its size and its first pages, in which Go puts the build's identity, tell.
 */
const ASK_VERSION = `program=${GUEST.components}/forgejo
print=$(stat -L -c %s "$program")-$(head -c 8192 "$program" | sha256sum | cut -c 1-16)
known=
known_print=
[ ! -e ${FORGEJO_VERSION_FILE} ] || read -r known known_print <${FORGEJO_VERSION_FILE} || :
version=$known
if [ "$print" != "$known_print" ]; then
  version=$(s6-setuidgid ${FORGEJO_USER} "$program" --version | sed -n '1s/^[^0-9]*\\([0-9][0-9]*\\.[0-9][0-9]*\\.[0-9][0-9]*\\).*/\\1/p')
  [ -n "$version" ] || { echo 'forgejo --version names no version' >&2; exit 1; }
fi
`;

/**
 * Refuses data of another version, before anything of it is touched. Within a version such as 15.0 Forgejo's data stays as it is; a newer one migrates it, and an older
 * one cannot read it then. `pinned` is what vm.yaml wants.
 */
export function versionGuard(pinned: string | undefined): string {
  const otherVersion = refuse('forgejo', 'data-of-other-version');
  const pin =
    pinned === undefined
      ? ''
      : `[ "$version" = ${pinned} ] || ${refuse('forgejo', 'program-of-other-version')} "vm.yaml wants Forgejo ${pinned}, and the executable is $version. Nothing was written."\n`;
  return `. ${GUEST.library}
${ASK_VERSION}${pin}# ordinal VERSION
ordinal() {
  minor=\${1#*.}
  echo $((\${1%%.*} * 10000 + \${minor%%.*}))
}
if [ -n "$known" ]; then
  [ "$(ordinal "$version")" -ge "$(ordinal "$known")" ] || ${otherVersion} "the data is of Forgejo $known, and this is the older $version, which cannot read it. Nothing was written."
  [ "$(ordinal "$version")" -le "$(ordinal "$known")" ] || ${otherVersion} "the data is of Forgejo $known, and this is $version, which would migrate it for good. Nothing was written."
fi
`;
}

/** Once it is ready: the data is of this version from now on. */
export function rememberVersion(): string {
  return `# Which Forgejo this data is of.
${ASK_VERSION}if [ "$print" != "$known_print" ]; then
  echo "$version $print" >${FORGEJO_VERSION_FILE}.new
  sync ${FORGEJO_VERSION_FILE}.new
  mv -f ${FORGEJO_VERSION_FILE}.new ${FORGEJO_VERSION_FILE}
fi
`;
}
