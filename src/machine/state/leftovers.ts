import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Host } from '../../host/host.ts';

/** Most often nothing is to be done. A disk that has to move to another file system takes its time. */
const TIDY_MS = 4 * 3_600_000;

/** What Host.write calls a file that is not whole yet. */
const TEMPORARY = `*.${'[0-9a-f]'.repeat(12)}.tmp`;

/**
 * `$1` state folder, `$2` data folder, `$3` folder of secrets, `$4` decided files, `$5` files that were to be decided. One command, since each costs a way to the host.
 * What was decided is put in place, however often that is cut off; a disk behind a link stays there.
 */
const PLACE = `[ ! -d "$3" ] || chmod 700 "$3" || exit
for file in "$1"/${TEMPORARY} "$2"/${TEMPORARY} "$3"/${TEMPORARY} "$3"/*/${TEMPORARY} "$1"/secrets.img; do
  [ ! -e "$file" ] || rm -f -- "$file" || exit
done
[ ! -e "$5" ] || rm -rf -- "$5" || exit
if [ -d "$4" ]; then
  if [ -e "$4/secrets" ]; then rm -rf -- "$3" && mv -- "$4/secrets" "$3" || exit; fi
  [ ! -e "$4/identity.json" ] || mv -f -- "$4/identity.json" "$2/identity.json" || exit
  if [ -e "$4/data.img" ]; then
    disk=$(readlink -f -- "$2/data.img") || disk=$2/data.img
    mv -f -- "$4/data.img" "$disk" && sync -- "$disk" "$2" || exit
  fi
  rm -rf -- "$4" || exit
fi`;

/** `$2` is held until the script ends: one that a killed vmkit left at work is waited for, since its lock is gone with it. mksh gives a descriptor to a program only where it is named there. */
const ALONE = `if [ -d "$2" ]; then exec 9<"$2" && flock 9 9<&9 || exit; fi`;

const TIDY = `${ALONE}\n${PLACE}`;
const DECIDE = `${ALONE}\nsync && mv -- "$5" "$4" && sync || exit\n${PLACE}`;

/** Puts files in the place of a machine's own: those of `incomingDir`, all or none. The caller holds its lock, and it is off. */
export async function decide(paths: MachinePaths, host: Host): Promise<void> {
  await run(DECIDE, paths, host);
}

/**
 * Deletes what a killed vmkit left of a machine: half-written files, which may hold a secret or a key, and the disk of secrets that
 * earlier versions wrote. Closes its folder of secrets to others. Only who holds the machine's lock may call it.
 */
export async function tidy(paths: Tidied, host: Host): Promise<void> {
  await run(TIDY, paths, host);
}

type Tidied = Pick<MachinePaths, 'stateDir' | 'dataDir' | 'secretsDir' | 'decidedDir' | 'incomingDir'>;

async function run(script: string, paths: Tidied, host: Host): Promise<void> {
  const { stateDir, dataDir, secretsDir, decidedDir, incomingDir } = paths;
  const argv = ['sh', '-c', script, 'sh', stateDir, dataDir, secretsDir, decidedDir, incomingDir];
  const { exitCode, stderr } = await host.exec(argv, { withinMs: TIDY_MS });
  if (exitCode === 0) return;
  throw new VmkitError('host', 'not-writable', `Putting files of ${dataDir} in their places: ${stderr.trim()}`, {
    hint: 'Are the folders yours, and their file system writable?',
  });
}
