import { GUEST, GUEST_SEARCH_PATH } from '../../../core/guest-paths.ts';
import { COUNT_ROWS } from '../postgres/postgres-backup.ts';
import { PSQL } from '../postgres/postgres-role.ts';
import {
  FORGEJO_CONFIG,
  FORGEJO_DATA,
  FORGEJO_DATABASE,
  FORGEJO_HOME,
  FORGEJO_REPOSITORIES,
  FORGEJO_USER,
} from './app-ini.ts';

/** Where a dump's folders arrive: `repos`, `data`, `custom`. */
const ARRIVED = `${FORGEJO_HOME}/import`;
const MIGRATIONS = `${ARRIVED}/migrations.sql`;
/** For so long repositories are looked through, one after the other. */
const FSCK_SECONDS = 900;

const AT = `-h ${GUEST.postgresql}`;
const AS_POSTGRES = `s6-setuidgid postgres ${PSQL} ${AT}`;
const AS_FORGEJO = `s6-setuidgid ${FORGEJO_USER} ${PSQL} ${AT} -d ${FORGEJO_DATABASE}`;

/**
 * Scripts of root's, in this order, for a guest in which PostgreSQL runs and Forgejo does not, on a copy of the machine's disk: what was there before goes at once.
 * A dump has no table `forgejo_version` and no `forgejo_migration` (models/db/engine.go, DumpDatabase), which say what was done to the data. A Forgejo without them takes all
 * as done. So those of the machine stay, where its Forgejo is of the dump's series: `keepsMigrations`.
 */
export function emptyForgejo(keepsMigrations: boolean, neededBytes: number): string {
  const keep = keepsMigrations
    ? `s6-setuidgid postgres /usr/bin/pg_dump ${AT} -d ${FORGEJO_DATABASE} --no-owner -t 'forgejo_(version|migration)' >${MIGRATIONS}\n`
    : '';
  return `cd /
rm -rf ${ARRIVED}
install -d -o ${FORGEJO_USER} -g ${FORGEJO_USER} -m 0700 ${ARRIVED}
${keep}# The keys by which the machine's own git over ssh is known.
[ ! -d ${FORGEJO_DATA}/ssh ] || mv ${FORGEJO_DATA}/ssh ${ARRIVED}/ssh
find ${FORGEJO_HOME} -mindepth 1 -maxdepth 1 ! -name import ! -name version -exec rm -rf {} +
${AS_POSTGRES} -d postgres -c 'DROP DATABASE IF EXISTS ${FORGEJO_DATABASE} WITH (FORCE)' -c 'CREATE DATABASE ${FORGEJO_DATABASE} OWNER ${FORGEJO_USER}' -c CHECKPOINT
sync
free=$(($(stat -f -c '%a * %S' ${FORGEJO_HOME})))
[ "$free" -ge ${neededBytes} ] || { echo "room $free" >&2; exit 28; }
`;
}

/** Exit code of `emptyForgejo` where the disk is too small; it says `room BYTES`. */
export const NO_ROOM = 28;

/** Takes the database's dump from standard input. As the role that owns the database: whatever stands there has no more rights than Forgejo. */
export const LOAD_DATABASE = `cd /
exec ${AS_FORGEJO} -1 -o /dev/null
`;

/** Takes the dump's folders, as a tar, from standard input. */
export const TAKE_FOLDERS = `umask 027
exec s6-setuidgid ${FORGEJO_USER} tar -x -f - -C ${ARRIVED} --no-same-owner
`;

/** Prints `forgejo.SCHEMA.TABLE ROWS` a line. */
export const COUNT_IMPORTED = `${AS_FORGEJO} <<'SQL'
${COUNT_ROWS}SQL
`;

/** Puts folders in their places, each new name below the repositories as durable as one that Forgejo makes, and lets Forgejo migrate the database and make its hooks anew. */
export function placeForgejo(keepsMigrations: boolean): string {
  const forgejo = `s6-setuidgid ${FORGEJO_USER} forgejo`;
  return `${asForgejoIs()}cd ${ARRIVED}
echo 'puts files in place'
${keepsMigrations ? `${AS_FORGEJO} -1 -o /dev/null -f - <${MIGRATIONS}\n` : ''}for folder in repos data custom; do
  install -d -o ${FORGEJO_USER} -g ${FORGEJO_USER} -m 0750 $folder
done
# A container keeps what others have in custom in its data folder.
for folder in public templates options; do
  [ ! -d data/$folder ] || [ -e custom/$folder ] || mv data/$folder custom/
done
[ ! -d ssh ] || mv ssh data/ssh
mv repos ${FORGEJO_REPOSITORIES}
mv data ${FORGEJO_DATA}
mv custom ${FORGEJO_HOME}/custom
cd ${FORGEJO_HOME}
rm -rf ${ARRIVED}
find ${FORGEJO_REPOSITORIES} -type d -exec chattr +D {} +
# The accounts are those of the dump: none is made.
echo 'done imported' >administrator
chown ${FORGEJO_USER}:${FORGEJO_USER} administrator
echo 'migrates the database'
${forgejo} migrate --config ${FORGEJO_CONFIG}
echo 'makes hooks anew'
${forgejo} admin regenerate hooks --config ${FORGEJO_CONFIG}
# Its doctor goes no further without this folder, which nothing else makes where all is said on the console (services/doctor/paths.go).
install -d -o ${FORGEJO_USER} -g ${FORGEJO_USER} -m 0750 ${FORGEJO_HOME}/log
echo 'asks forgejo doctor'
${forgejo} doctor check --config ${FORGEJO_CONFIG}
sync
`;
}

/**
 * Prints what is there now: `users N`, `repositories N`, `administrator NAME`, `missing PATH` for a repository of the database without a folder, `damaged PATH` for one that git
 * fsck finds fault with, `looked N` at so many within the time, wikis
 * among them, and `left N` that were not looked at.
 */
export function lookAtForgejo(): string {
  return `cd ${FORGEJO_REPOSITORIES}
${AS_FORGEJO} <<'SQL'
SELECT 'users ' || count(*) FROM "user" WHERE type = 0;
SELECT 'repositories ' || count(*) FROM repository;
SELECT 'administrator ' || name FROM "user" WHERE is_admin AND type = 0 ORDER BY id LIMIT 10;
SQL
${AS_FORGEJO} -c "SELECT lower(owner_name) || '/' || lower_name || '.git' FROM repository ORDER BY 1" | while IFS= read -r path; do
  [ -d "$path" ] || echo "missing $path"
done
until=$(($(date +%s) + ${FSCK_SECONDS}))
looked=0
left=0
for path in */*.git; do
  [ -d "$path" ] || continue
  if [ "$(date +%s)" -ge "$until" ]; then left=$((left + 1)); continue; fi
  s6-setuidgid ${FORGEJO_USER} git -C "$path" fsck --full --no-progress >/dev/null 2>&1 || echo "damaged $path"
  looked=$((looked + 1))
done
echo "looked $looked"
echo "left $left"
`;
}

/** The environment of Forgejo's own scripts. */
function asForgejoIs(): string {
  return `export HOME=${FORGEJO_HOME} USER=${FORGEJO_USER} LOGNAME=${FORGEJO_USER} PATH=${GUEST_SEARCH_PATH}
`;
}
