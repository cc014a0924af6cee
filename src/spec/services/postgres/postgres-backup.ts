import { GUEST } from '../../../core/guest-paths.ts';
import type { ServiceBackup } from '../../service.ts';
import { PSQL } from './postgres-role.ts';

/**
 * Nothing is asked of PostgreSQL before a copy: the whole cluster is on one disk, which is copied at one instant, so it recovers as after a power cut (PostgreSQL,
 * "File System Level Backup"). A dump would be of another instant than the repositories and files beside it.
 */
export function postgresBackup(port: number): ServiceBackup {
  const at = `-h ${GUEST.postgresql} -p ${port}`;
  const psql = `s6-setuidgid postgres ${PSQL} ${at}`;
  return {
    counts: `cd /\n${inEachDatabase(psql, `${psql} -d "$database" <<'SQL'\n${COUNT_ROWS}SQL`)}`,
    // pg_dump(1) reads every row, and PostgreSQL compares each page with its checksum.
    verify: `cd /\n${inEachDatabase(psql, `s6-setuidgid postgres /usr/bin/pg_dump ${at} -d "$database" >/dev/null`)}`,
  };
}

/**
 * Shell lines that run others for each database that lets somebody in, as `$database`, whose name may hold spaces. It fails where PostgreSQL does not say which there are,
 * and where the lines fail. `psql` is a command with its words.
 */
export function inEachDatabase(psql: string, lines: string): string {
  return `databases=$(${psql} -d postgres -c 'SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname')
printf '%s\\n' "$databases" | while IFS= read -r database; do
${lines}
done
`;
}

/** A line for each table: `DATABASE.SCHEMA.TABLE ROWS`, spaces in its name as `_`. psql runs each row of the answer as a query. */
export const COUNT_ROWS = `SELECT format('SELECT %L || '' '' || count(*) FROM %I.%I',
    translate(current_database() || '.' || schemaname || '.' || relname, E' \\n', '__'), schemaname, relname)
  FROM pg_stat_user_tables ORDER BY schemaname, relname \\gexec
`;
