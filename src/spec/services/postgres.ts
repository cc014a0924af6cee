import * as z from 'zod';
import { machineAddress } from '../networks/addresses.ts';
import { USER_NETWORK } from '../networks/user-network.ts';
import type { Service } from '../service.ts';
import { defineService } from './define.ts';
import { databasesSql, exportPasswords, type OwnedDatabase, POSTGRES_BIN, POSTGRES_PORT } from './postgres-role.ts';

const VERSION = 17;
const DATA = `/data/postgres/${VERSION}`;
const CONF = '/run/vmkit/postgres';

const identifier = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/, 'a lower-case name: letters, digits and _, at most 63 characters');

const options = z
  .strictObject({
    databases: z
      .array(
        z.strictObject({
          name: identifier.describe('The name of the database'),
          owner: identifier.describe('The role that owns it'),
          from: z
            .array(machineAddress)
            .default([])
            .describe('Addresses of other machines that may log in as the owner, by its password'),
        }),
      )
      .default([])
      .describe(
        'Databases and the roles that own them. A user of the machine is the role of its name, without a password',
      ),
    port: z.int().min(1).max(65_535).default(POSTGRES_PORT).describe('The port in the machine'),
    host: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .describe('The port on 127.0.0.1 of this host that leads there; each role then has a password. None when absent'),
  })
  .meta({
    description: 'PostgreSQL 17 from Debian. Its data is in /data/postgres, its socket in /run/postgresql.',
    examples: [{ databases: [{ name: 'app', owner: 'app' }], host: 5432 }],
  });

/** PostgreSQL 17 from Debian, without Debian's cluster scripts: one cluster, on the data disk. */
export const postgres = defineService(options, ({ databases, port, host }): Service => {
  const roles = [...new Set(databases.map(({ owner }) => owner))];
  const isRemote = host !== undefined;
  const hasPeers = databases.some(({ from }) => from.length > 0);
  const hasPassword = (role: string): boolean =>
    isRemote || databases.some(({ owner, from }) => owner === role && from.length > 0);
  const owned = databases.map(({ name, owner }) => ({
    role: owner,
    database: name,
    ...(hasPassword(owner) ? { passwordFile: `/run/secrets/postgres/${owner}-password` } : {}),
  }));
  return {
    name: 'postgres',
    needs: [],
    packages: [`postgresql-${VERSION}`],
    components: [],
    user: 'postgres',
    capabilities: [],
    isVital: true,
    kernelProfiles: ['postgres'],
    // What the server protects, its children give back (PostgreSQL, "Linux Memory Overcommit"): a query that takes too much ends alone.
    env: { PGDATA: DATA, PG_OOM_ADJUST_FILE: '/proc/self/oom_score_adj', PG_OOM_ADJUST_VALUE: '0' },
    setup: setupScript(port),
    run: `exec ${POSTGRES_BIN}/postgres -D ${DATA} -c config_file=${CONF}/postgresql.conf\n`,
    ready: { check: readyCheck(port, owned), everyMs: 50, withinSeconds: 180 },
    afterReady: undefined,
    // INT is the fast shutdown: sessions are ended, a checkpoint is written (postgres(1)).
    stop: { signal: 'INT', withinSeconds: 60 },
    files: [
      {
        path: `${CONF}/postgresql.conf`,
        mode: 0o644,
        owner: 'root',
        content: settings(port, listenOn(isRemote, hasPeers)),
      },
      { path: `${CONF}/pg_hba.conf`, mode: 0o644, owner: 'root', content: access(databases, isRemote) },
    ],
    secrets: roles
      .filter(hasPassword)
      .map((role) => ({ name: `${role}-password`, kind: 'password', tell: `PostgreSQL role ${role}` })),
    ports: [{ name: 'sql', port, protocol: 'postgres', hostPort: host }],
  };
});

/**
 * It answers a query, and its roles and databases are there: one psql for all. The eighth line of postmaster.pid is the server's status
 * (postgresql: src/include/utils/pidfile.h), so that no process is spent on one that still recovers; a line left by a crash is believed by nobody,
 * since psql asks the server itself.
 */
function readyCheck(port: number, databases: readonly OwnedDatabase[]): string {
  return `[ -S /run/postgresql/.s.PGSQL.${port} ]
status=
{ for line in 1 2 3 4 5 6 7 8; do read -r status || exit 1; done; } <${DATA}/postmaster.pid
[ "$status" = ready ]
${exportPasswords(databases)}[ "$(${POSTGRES_BIN}/psql -XAtq -v ON_ERROR_STOP=1 -h /run/postgresql -p ${port} -d postgres <<'SQL'
${databasesSql(databases)}SELECT 1;
SQL
)" = 1 ]
`;
}

function setupScript(port: number): string {
  return `# The cluster is made beside its place and renamed: an initdb that was killed leaves no half of one.
/run/vmkit/busybox install -d -o postgres -g postgres -m 0755 /run/postgresql
${port === POSTGRES_PORT ? '' : usualSocket(port)}if [ ! -s ${DATA}/PG_VERSION ]; then
  if [ -e ${DATA} ]; then
    echo "${DATA} exists but holds no cluster (no PG_VERSION); it is left as it is" >&2
    exit 1
  fi
  rm -rf ${DATA}.new
  s6-setuidgid postgres ${POSTGRES_BIN}/initdb -D ${DATA}.new --username=postgres --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 \\
    --locale=C --data-checksums --auth-local=peer --auth-host=scram-sha-256 --no-instructions
  mv ${DATA}.new ${DATA}
  sync
fi
`;
}

/** A socket's name holds the port (PostgreSQL, `unix_socket_directories`); the services of this machine know the usual one. */
function usualSocket(port: number): string {
  return `# Services of this machine find it by its usual name.
ln -sfn .s.PGSQL.${port} /run/postgresql/.s.PGSQL.${POSTGRES_PORT}
`;
}

/** With other machines, all addresses: pg_hba.conf says who may come in. */
function listenOn(isRemote: boolean, hasPeers: boolean): string {
  if (hasPeers) return '*';
  return isRemote ? USER_NETWORK.address : '';
}

function settings(port: number, listen: string): string {
  return `# Generated by vmkit at each boot.
data_directory = '${DATA}'
hba_file = '${CONF}/pg_hba.conf'
listen_addresses = '${listen}'
port = ${port}
unix_socket_directories = '/run/postgresql'
password_encryption = scram-sha-256
# Compiling queries would drag LLVM into the image.
jit = off
shared_buffers = 64MB
max_connections = 50
# The disk's own flush is honoured by the machine, so a commit that was acknowledged survives kill -9.
fsync = on
synchronous_commit = on
full_page_writes = on
logging_collector = off
log_destination = 'stderr'
log_line_prefix = ''
timezone = 'UTC'
log_timezone = 'UTC'
`;
}

interface Database {
  readonly name: string;
  readonly owner: string;
  readonly from: readonly string[];
}

function access(databases: readonly Database[], isRemote: boolean): string {
  const host = ({ name, owner }: Database, address: string): string =>
    `host  ${name}  ${owner}  ${address}/32  scram-sha-256\n`;
  const remote = isRemote ? databases.map((database) => host(database, USER_NETWORK.gateway)) : [];
  const peers = databases.flatMap((database) => database.from.map((address) => host(database, address)));
  return `# Generated by vmkit at each boot. Local users are who the kernel says they are; no password.
local  all  all  peer
${remote.length > 0 ? `# From the host's loopback, as QEMU forwards it; only these roles, only to their databases.\n${remote.join('')}` : ''}${
  peers.length > 0 ? `# From other machines, each only as its role.\n${peers.join('')}` : ''
}`;
}
