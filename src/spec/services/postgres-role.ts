import { GUEST } from '../../core/guest-paths.ts';
/** PostgreSQL's own programs; Debian's wrappers in /usr/bin need perl. */
export const POSTGRES_VERSION = 17;
export const POSTGRES_BIN = `/usr/lib/postgresql/${POSTGRES_VERSION}/bin`;

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
s6-setuidgid postgres ${POSTGRES_BIN}/psql -X -q -v ON_ERROR_STOP=1 -h ${GUEST.postgresql} -d postgres <<'SQL'
${databasesSql(databases)}SQL
`;
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
  return `SET log_min_error_statement = panic;\n${databases.map(ensureDatabase).join('')}`;
}

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
