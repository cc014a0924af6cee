import { GUEST } from '../../../core/guest-paths.ts';
import { askPostgres, question } from './postgres-ask.ts';

/** PostgreSQL's own programs of a major version. Those of the newest that a root has are on its PATH, too (image/root-recipe.ts). */
export function postgresBin(version: number): string {
  return `/usr/lib/postgresql/${version}/bin`;
}

/** Where PostgreSQL listens unless it is told otherwise. */
export const POSTGRES_PORT = 5432;

/** A database and the role that owns it. */
export interface OwnedDatabase {
  readonly role: string;
  readonly database: string;
  /** A file in the guest with the role's password; undefined where peer authentication is enough. */
  readonly passwordFile?: string;
}

/**
 * A script for root: roles that may log in, and a database for each, made once. A role of a service's user's name is let in by peer authentication,
 * without a password.
 */
export function ensureDatabases(databases: readonly OwnedDatabase[]): string {
  return `# Roles and their databases, once.
state=$(${askPostgres({ port: POSTGRES_PORT, isRoot: true })} "${stateOf(databases)}")
case $state in
  '' | ${INCOMPLETE}) s6-setuidgid postgres ${PSQL} -h ${GUEST.postgresql} -d postgres <<'SQL' ;;
${databasesSql(databases)}SQL
esac
`;
}

/** What `stateOf` answers while a role or a database is not there. */
export const INCOMPLETE = 'incomplete';

export const PSQL = '/usr/bin/psql -XAtq -v ON_ERROR_STOP=1';

/**
 * A query whose answer changes whenever a role is given a password, by whomever, or another cluster takes this one's place: PostgreSQL keeps each password with
 * a salt of its own. The answer tells nobody a password.
 */
export function stateOf(databases: readonly OwnedDatabase[]): string {
  if (databases.length === 0) return question("'ready'");
  const quoted = (names: readonly string[]): readonly string[] => [...new Set(names)].map((name) => `'${name}'`);
  const roles = quoted(databases.map(({ role }) => role));
  const names = quoted(databases.map(({ database }) => database));
  const ofRoles = `FROM pg_authid WHERE rolname IN (${roles.join(', ')})`;
  return question(
    `CASE WHEN (SELECT count(*) ${ofRoles}) = ${roles.length} AND (SELECT count(*) FROM pg_database WHERE datname IN (${names.join(', ')})) = ${names.length} THEN (SELECT encode(sha256(convert_to(string_agg(rolname || ' ' || coalesce(rolpassword, ''), ' ' ORDER BY rolname), 'UTF8')), 'hex') ${ofRoles}) ELSE '${INCOMPLETE}' END`,
  );
}

/** Shell lines that put the passwords where `databasesSql` reads them: in the environment of psql, which only its own user can see. */
export function exportPasswords(databases: readonly OwnedDatabase[]): string {
  return databases
    .flatMap(({ role, passwordFile }) =>
      passwordFile === undefined
        ? []
        : [`read -r password_${role} <${passwordFile} || [ -n "$password_${role}" ]\nexport password_${role}\n`],
    )
    .join('');
}

/**
 * The same as input of psql. Identifiers are quoted by PostgreSQL's format(), never by us. A password is on no command line; a
 * statement that fails is not logged, since it would hold it. One psql for all: a process costs 0.1 s in a guest without KVM.
 */
export function databasesSql(databases: readonly OwnedDatabase[]): string {
  return `SET log_min_error_statement = panic;\n${ONE_AT_A_TIME}${databases.map(ensureDatabase).join('')}`;
}

/** The watch may ask beside a person who rotates a password: two that alter one role at once would fail. */
const ONE_AT_A_TIME = "SELECT pg_advisory_lock(hashtext('vmkit')) \\g /dev/null\n";

function ensureDatabase({ role, database, passwordFile }: OwnedDatabase): string {
  const password =
    passwordFile === undefined
      ? ''
      : `\\getenv password password_${role}\nSELECT format('ALTER ROLE %I PASSWORD %L', :'role', :'password') \\gexec\n`;
  return `\\set role ${role}
\\set database ${database}
SELECT format('CREATE ROLE %I LOGIN', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \\gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \\gexec
${password}`;
}
