import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Host } from '../../host/host.ts';

/** What Host.write calls a file that is not whole yet. */
const TEMPORARY = `*.${'[0-9a-f]'.repeat(12)}.tmp`;

/** `$1` state folder, `$2` data folder, `$3` folder of secrets. One command, since each costs a way to the host. */
const TIDY = `[ ! -d "$3" ] || chmod 700 "$3" || exit
for file in "$1"/${TEMPORARY} "$2"/${TEMPORARY} "$3"/${TEMPORARY} "$3"/*/${TEMPORARY} "$1"/secrets.img; do
  [ ! -e "$file" ] || rm -f -- "$file" || exit
done`;

/**
 * Deletes what a killed vmkit left of a machine: half-written files, which may hold a secret or a key, and the disk of secrets that
 * earlier versions wrote. Closes its folder of secrets to others. Only who holds the machine's lock may call it.
 */
export async function tidy(
  { stateDir, dataDir, secretsDir }: Pick<MachinePaths, 'stateDir' | 'dataDir' | 'secretsDir'>,
  host: Host,
): Promise<void> {
  const argv = ['sh', '-c', TIDY, 'sh', stateDir, dataDir, secretsDir];
  const { exitCode, stderr } = await host.exec(argv, { withinMs: 30_000 });
  if (exitCode === 0) return;
  throw new VmkitError('host', 'not-writable', `Tidying up ${dataDir}: ${stderr.trim()}`, {
    hint: 'Are the folders yours, and their file system writable?',
  });
}
