import * as z from 'zod';
import { GUEST } from '../../../core/guest-paths.ts';
import { postgresOf, SUITES } from '../../../core/suite.ts';
import { refuse } from '../../guest-event.ts';
import { machineAddress } from '../../networks/addresses.ts';
import type { Service } from '../../service.ts';
import { defineService } from '../define.ts';
import { askPostgres, askScript, POSTGRES_ASK } from './postgres-ask.ts';
import { postgresBackup } from './postgres-backup.ts';
import { initdb, postgresData } from './postgres-cluster.ts';
import {
  databasesSql,
  exportPasswords,
  INCOMPLETE,
  type OwnedDatabase,
  POSTGRES_PORT,
  PSQL,
  postgresBin,
  stateOf,
} from './postgres-role.ts';
import { postgresSettings, withSettings } from './postgres-settings.ts';

/** What the roles were when they were last as they should be. */
const KNOWN = `${GUEST.data}/postgres/roles-known`;
const CONF = `${GUEST.own}/postgres`;
/** What stands in the files for the two words of GUEST.hostPorts. */
const HOST_PORTS = { address: '@ADDRESS@', host: '@HOST@' } as const;

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
  .extend({ settings: postgresSettings })
  .meta({
    description: `PostgreSQL from Debian: ${SUITES.map((suite) => `${postgresOf(suite)} of ${suite}`).join(', ')}. Its data is in ${GUEST.data}/postgres, its socket in ${GUEST.postgresql}.`,
    examples: [{ databases: [{ name: 'app', owner: 'app' }], host: 5432 }],
  });

/** PostgreSQL from Debian, without Debian's cluster scripts: one cluster, on the data disk. */
export const postgres = defineService(options, ({ databases, port, host, settings }, suite): Service => {
  const version = postgresOf(suite);
  const data = postgresData(version);
  const roles = [...new Set(databases.map(({ owner }) => owner))];
  const isRemote = host !== undefined;
  const hasPeers = databases.some(({ from }) => from.length > 0);
  const hasPassword = (role: string): boolean =>
    isRemote || databases.some(({ owner, from }) => owner === role && from.length > 0);
  const owned = databases.map(({ name, owner }) => ({
    role: owner,
    database: name,
    ...(hasPassword(owner) ? { passwordFile: `${GUEST.secrets}/postgres/${owner}-password` } : {}),
  }));
  return {
    name: 'postgres',
    needs: [],
    packages: [`postgresql-${version}`],
    components: [],
    user: 'postgres',
    capabilities: [],
    isVital: true,
    kernelProfiles: ['postgres'],
    // What the server protects, its children give back (PostgreSQL, "Linux Memory Overcommit"): a query that takes too much ends alone.
    env: { PGDATA: data, PG_OOM_ADJUST_FILE: '/proc/self/oom_score_adj', PG_OOM_ADJUST_VALUE: '0' },
    setup: setupScript(version, port, isRemote),
    run: `exec ${postgresBin(version)}/postgres -D ${data} -c config_file=${CONF}/postgresql.conf\n`,
    ready: { first: takesConnections(data), check: readyCheck(port, owned), everyMs: 50, withinSeconds: 180 },
    afterReady: undefined,
    // INT is the fast shutdown: sessions are ended, a checkpoint is written (postgres(1)).
    stop: { signal: 'INT', withinSeconds: 60 },
    backup: postgresBackup(port),
    files: [
      {
        path: `${CONF}/postgresql.conf`,
        mode: 0o644,
        owner: 'root',
        content: withSettings(configuration(data, port, listenOn(isRemote, hasPeers)), settings),
      },
      { path: POSTGRES_ASK, mode: 0o755, owner: 'root', content: askScript() },
      { path: `${CONF}/pg_hba.conf`, mode: 0o644, owner: 'root', content: access(databases, isRemote) },
    ],
    secrets: roles
      .filter(hasPassword)
      .map((role) => ({ name: `${role}-password`, kind: 'password', tell: `PostgreSQL role ${role}` })),
    ports: [{ name: 'sql', port, protocol: 'postgres', hostPort: host }],
  };
});

/**
 * That it takes connections, without a process: the eighth line of postmaster.pid is the server's status (postgresql: src/include/utils/pidfile.h). The first one
 * is the process that wrote it, so a file that a crash left is not believed.
 */
function takesConnections(data: string): string {
  return `[ -e ${data}/postmaster.pid ] && {
      read -r pid
      for line in 2 3 4 5 6 7 8; do read -r status || break; done
    } <${data}/postmaster.pid && [ "$pid $status" = "$$ ready" ]`;
}

/**
 * It answers a query, and its roles and databases are there: made, and given their passwords, where they are not known to be as this script left them. What it
 * left is a digest of the server's own answer and of the passwords, which are too long to be guessed.
 */
function readyCheck(port: number, databases: readonly OwnedDatabase[]): string {
  const passwords = databases
    .filter(({ passwordFile }) => passwordFile !== undefined)
    .map(({ role }) => `"$password_${role}"`);
  const names = databases.map(({ role, database }) => `${role}/${database}`).join(' ');
  return `# state_now: what the server says, and that with the passwords as one digest.
state_now() {
  state=$(${askPostgres({ port, isRoot: false })} "${stateOf(databases)}")
  [ -n "$state" ] || exit 1
  digest=$(printf '%s\\n' "$state" '${names}' ${[...new Set(passwords)].join(' ')} | sha256sum)
}
${exportPasswords(databases)}state_now
known=
[ ! -e ${KNOWN} ] || read -r known <${KNOWN} || :
if [ "$state" = ${INCOMPLETE} ] || [ "$known" != "$digest" ]; then
  ${PSQL} -h ${GUEST.postgresql} -p ${port} -d postgres <<'SQL'
${databasesSql(databases)}SQL
  state_now
  # Where the disk is full it is asked again at the next boot.
  (umask 077 && echo "$digest" >${KNOWN}.new) && mv -f ${KNOWN}.new ${KNOWN} || rm -f ${KNOWN}.new
fi
`;
}

function setupScript(version: number, port: number, isRemote: boolean): string {
  const data = postgresData(version);
  return `. ${GUEST.library}
# other_version FILE: refuses the cluster whose PG_VERSION it is.
other_version() {
  read -r version <"$1"
  ${refuse('postgres', 'data-of-other-version')} "the data in \${1%/PG_VERSION} is of PostgreSQL $version, and this is PostgreSQL ${version}, which cannot read it. Nothing was written."
}
${isRemote ? hostPortsSetup() : ''}${GUEST.busybox} install -d -o postgres -g postgres -m 0755 ${GUEST.postgresql}
${port === POSTGRES_PORT ? '' : usualSocket(port)}if [ ! -e ${data} ] && [ ! -h ${data} ]; then
  # Data of another version is no reason for an empty cluster beside it. What ends in .new is what a killed initdb left.
  for file in /data/postgres/PG_VERSION /data/postgres/*/PG_VERSION /data/postgres/*/*/PG_VERSION; do
    case $file in *.new/*) continue ;; esac
    [ ! -s "$file" ] || other_version "$file"
  done
  # The cluster is made beside its place and renamed: an initdb that was killed leaves no half of one.
  rm -rf ${data}.new
  ${initdb(version, `${data}.new`)}
  mv ${data}.new ${data}
  sync
fi
for file in PG_VERSION global/pg_control; do
  [ -s ${data}/$file ] || ${refuse('postgres', 'data-not-whole')} "${data} holds no whole cluster: $file is missing. It is left as it is. Put it back from a backup, or move the folder away: then an empty cluster is made."
done
read -r version <${data}/PG_VERSION
[ "$version" = ${version} ] || other_version ${data}/PG_VERSION
`;
}

/** Which monitor runs the machine is known in the guest alone. */
function hostPortsSetup(): string {
  return `# Where the ports of the host arrive, and whom they come from.
read -r address host <${GUEST.hostPorts}
${GUEST.busybox} sed -i "s/${HOST_PORTS.address}/$address/; s/${HOST_PORTS.host}/$host/" ${CONF}/postgresql.conf ${CONF}/pg_hba.conf
`;
}

/** A socket's name holds the port (PostgreSQL, `unix_socket_directories`); the services of this machine know the usual one. */
function usualSocket(port: number): string {
  return `# Services of this machine find it by its usual name.
ln -sfn .s.PGSQL.${port} ${GUEST.postgresql}/.s.PGSQL.${POSTGRES_PORT}
`;
}

/** With other machines, all addresses: pg_hba.conf says who may come in. */
function listenOn(isRemote: boolean, hasPeers: boolean): string {
  if (hasPeers) return '*';
  return isRemote ? HOST_PORTS.address : '';
}

function configuration(data: string, port: number, listen: string): string {
  return `# Generated by vmkit at each boot.
data_directory = '${data}'
hba_file = '${CONF}/pg_hba.conf'
listen_addresses = '${listen}'
port = ${port}
unix_socket_directories = '${GUEST.postgresql}'
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
  const remote = isRemote ? databases.map((database) => host(database, HOST_PORTS.host)) : [];
  const peers = databases.flatMap((database) => database.from.map((address) => host(database, address)));
  return `# Generated by vmkit at each boot. Local users are who the kernel says they are; no password.
local  all  all  peer
${remote.length > 0 ? `# From the host's loopback, as its ports are forwarded; only these roles, only to their databases.\n${remote.join('')}` : ''}${
  peers.length > 0 ? `# From other machines, each only as its role.\n${peers.join('')}` : ''
}`;
}
