import { GUEST } from '../../../core/guest-paths.ts';
import { COUNT_ROWS, inEachDatabase } from './postgres-backup.ts';
import { initdb, postgresData } from './postgres-cluster.ts';
import { PSQL, postgresBin } from './postgres-role.ts';

const HOME = `${GUEST.data}/postgres`;
const WORK = `${HOME}/upgrade`;

/**
 * A script of root's, for a guest that has both versions of PostgreSQL and runs neither: makes the cluster of one major version one of a newer one by pg_upgrade.
 * The old files become the new ones (--link), so it is for a copy of the disk. Each line that it prints says what it does now. It fails where the new cluster has not
 * what the old one had.
 */
export function upgradeScript(from: number, to: number): string {
  const [old, now] = [postgresData(from), postgresData(to)];
  const at = `-h ${WORK}`;
  const psql = `s6-setuidgid postgres ${PSQL} ${at}`;
  return `cd ${HOME}
[ ! -e ${now} ] || { echo '${now} is there already' >&2; exit 1; }
rm -rf ${now}.new ${WORK}
install -d -o postgres -g postgres -m 0700 ${WORK}
# on VERSION FOLDER start|stop
on() {
  s6-setuidgid postgres "/usr/lib/postgresql/$1/bin/pg_ctl" -D "$2" -w -t 86400 -s -l ${WORK}/log -m fast -o "-c listen_addresses='' -c unix_socket_directories=${WORK}" "$3" || {
    tail -n 20 ${WORK}/log >&2
    exit 1
  }
}
# inventory: what a cluster has. Read whole, so a damaged page shows.
inventory() {
  ${psql} -d postgres -c "SELECT 'role ' || rolname || ' ' || md5(rolpassword) FROM pg_authid WHERE oid >= 16384 ORDER BY rolname"
${inEachDatabase(psql, `${psql} -d "$database" <<'SQL'\n${INVENTORY}SQL`)}}

echo 'starts PostgreSQL ${from}, which recovers what was cut off'
on ${from} ${old} start
inventory >${WORK}/before
on ${from} ${old} stop

echo 'makes a cluster of PostgreSQL ${to} from it'
${initdb(to, `${now}.new`)} >${WORK}/initdb
# What ALTER SYSTEM has set.
install -o postgres -g postgres -m 0600 ${old}/postgresql.auto.conf ${now}.new/
cd ${WORK}
s6-setuidgid postgres ${postgresBin(to)}/pg_upgrade --username=postgres --link --socketdir=${WORK} --old-bindir=${postgresBin(from)} \\
  --new-bindir=${postgresBin(to)} --old-datadir=${old} --new-datadir=${now}.new >${WORK}/pg_upgrade || {
  tail -n 30 ${WORK}/pg_upgrade >&2
  find ${now}.new/pg_upgrade_output.d -name '*.txt' -exec cat {} + >&2
  find ${now}.new/pg_upgrade_output.d -name '*.log' -exec grep -hE 'ERROR|FATAL|error:' {} + >&2
  exit 1
}
on ${to} ${now}.new start

# Whatever its release, the C library or ICU sorts otherwise than the one before: PostgreSQL, "ALTER COLLATION", Notes.
${inEachDatabase(
  psql,
  `  if [ "$(${psql} -d "$database" -c "${SORTS_BY_LIBRARY}")" = t ]; then
    echo "makes the indexes of $database anew, which another release of libc or ICU has sorted"
    s6-setuidgid postgres ${postgresBin(to)}/reindexdb ${at} -q -d "$database"
  fi
  ${psql} -d "$database" <<'SQL'
${REFRESH_COLLATIONS}SQL`,
)}${psql} -d postgres <<'SQL'
${REFRESH_DATABASES}SQL
if [ -e ${WORK}/update_extensions.sql ]; then
  echo 'updates extensions'
  ${psql} -d postgres -f ${WORK}/update_extensions.sql
fi
echo 'gathers statistics'
s6-setuidgid postgres ${postgresBin(to)}/vacuumdb ${at} -q --all --analyze-only
echo 'compares, and reads every row'
inventory >${WORK}/after
diff ${WORK}/before ${WORK}/after >${WORK}/differences || { head -n 20 ${WORK}/differences >&2; exit 1; }
${inEachDatabase(psql, `s6-setuidgid postgres ${postgresBin(to)}/pg_dump ${at} -d "$database" >/dev/null`)}on ${to} ${now}.new stop
cd ${HOME}
mv ${now}.new ${now}
rm -rf ${old} ${WORK} roles-known
sync
`;
}

/** What a database has. */
const INVENTORY = `${COUNT_ROWS}SELECT current_database() || ' large objects ' || count(*) || ' ' || coalesce(sum(length(data)), 0) FROM pg_largeobject;
SELECT current_database() || ' extension ' || extname FROM pg_extension ORDER BY extname;
`;

/** Whether any index of a database sorts by the C library or ICU, and not by code points. `d` is what the database itself sorts by. */
const SORTS_BY_LIBRARY = `SELECT EXISTS (SELECT FROM pg_index, unnest(indcollation) AS used
  JOIN pg_collation ON pg_collation.oid = used JOIN pg_database ON datname = current_database()
  WHERE CASE WHEN collprovider = 'd' THEN datlocprovider ELSE collprovider END = 'i'
    OR CASE WHEN collprovider = 'd' THEN datlocprovider ELSE collprovider END = 'c'
      AND CASE WHEN collprovider = 'd' THEN datcollate ELSE collcollate END !~* '^(C|POSIX)([.]|\\$)')`;

const REFRESH_COLLATIONS = `SELECT format('ALTER COLLATION %I.%I REFRESH VERSION', nspname, collname)
  FROM pg_collation JOIN pg_namespace ON pg_namespace.oid = collnamespace
  WHERE collversion <> pg_collation_actual_version(pg_collation.oid) \\gexec
`;

const REFRESH_DATABASES = `SELECT format('ALTER DATABASE %I REFRESH COLLATION VERSION', datname)
  FROM pg_database WHERE datcollversion <> pg_database_collation_actual_version(oid) \\gexec
`;
