/** PostgreSQL's own programs; Debian's wrappers in /usr/bin need perl. */
export const POSTGRES_BIN = '/usr/lib/postgresql/17/bin';

/** How root runs a psql script as PostgreSQL's superuser, over the socket, by peer authentication. */
const PSQL = `s6-setuidgid postgres ${POSTGRES_BIN}/psql -X -q -v ON_ERROR_STOP=1 -h /run/postgresql -d postgres`;

/**
 * A script for `setup`: a role that may log in, and a database of its own, made once. The role's name is the service's user, so that peer authentication
 * lets it in without a password. Identifiers are quoted by PostgreSQL's format(), never by us.
 */
export function ensureRoleAndDatabase(role: string, database: string): string {
  return `# A role and its database, once.
${PSQL} -v role=${role} -v database=${database} <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \\gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \\gexec
SQL
`;
}

/**
 * A script that gives a role the password in `file`, which psql reads itself: it is on no command line. A statement that fails
 * is not logged, since it would hold the password.
 */
export function setRolePassword(role: string, file: string): string {
  return `# Its password, from memory.
${PSQL} -v role=${role} <<'SQL'
SET log_min_error_statement = panic;
\\set password \`cat ${file}\`
SELECT format('ALTER ROLE %I PASSWORD %L', :'role', :'password') \\gexec
SQL
`;
}
