import { posix } from 'node:path';
import { GUEST } from '../../core/guest-paths.ts';
import { quoteWord } from '../../core/text/shell-quote.ts';
import { fatal } from '../../spec/guest-event.ts';
import type { Service } from '../../spec/service.ts';
import { uidOf } from '../../spec/uid.ts';

/**
 * Lines of stage 1 that put the services' files below /data on the data disk, mounted at /data-disk: they were unpacked in memory, where the disk is to be.
 * Whoever owns a folder there may have put a link in the way, so none is followed. Nothing else runs yet.
 */
export function placeDataFiles(services: readonly Service[]): string {
  const lines = services.flatMap((service) =>
    service.files
      .map(({ path }) => posix.normalize(path))
      .filter((path) => path.startsWith(`${GUEST.data}/`))
      .flatMap((path) => [
        ...foldersAbove(path).map((folder) => folderLine(folder, service)),
        `data_file ${quoteWord(path.slice(`${GUEST.data}/`.length))}\n`,
      ]),
  );
  if (lines.length === 0) return '';
  return `# Files of services on the data disk.
data_folder() {
  [ ! -h /data-disk/"$1" ] || ${fatal('data-file-in-the-way')} "${GUEST.data}/$1 is a link, and a file is to be made below it"
  [ -d /data-disk/"$1" ] || { mkdir -m "$2" /data-disk/"$1" && chown "$3:$3" /data-disk/"$1"; } \\
    || ${fatal('data-file-in-the-way')} "cannot make the folder ${GUEST.data}/$1"
}
data_file() {
  rm -f /data-disk/"$1".new
  [ ! -d /data-disk/"$1" ] && cp -a /new${GUEST.data}/"$1" /data-disk/"$1".new && mv -f /data-disk/"$1".new /data-disk/"$1" \\
    || ${fatal('data-file-in-the-way')} "cannot make the file ${GUEST.data}/$1"
}
${[...new Set(lines)].join('')}`;
}

/** `/data/a/b/c` → a, a/b. */
function foldersAbove(path: string): string[] {
  const names = posix.relative(GUEST.data, posix.dirname(path)).split('/');
  return names[0] === '' ? [] : names.map((_, index) => names.slice(0, index + 1).join('/'));
}

/** A service's home is its own, and nobody else's to read; so is what is below. Other folders are root's. */
function folderLine(folder: string, { name, user }: Service): string {
  const isHome = folder === name;
  const owner = isHome || folder.startsWith(`${name}/`) ? uidOf(user) : 0;
  return `data_folder ${quoteWord(folder)} ${isHome ? '0700' : '0755'} ${owner}\n`;
}
