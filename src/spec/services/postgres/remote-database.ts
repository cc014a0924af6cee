import * as z from 'zod';
import { GUEST } from '../../../core/guest-paths.ts';
import { machineAddress } from '../../networks/addresses.ts';
import type { ServiceFile, ServiceSecret } from '../../service.ts';
import { untilAnswers } from '../until-answers.ts';
import { POSTGRES_PORT } from './postgres-role.ts';

const identifier = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, 'a lower-case name: letters, digits and _');

/** A database in another machine: `{ machine: sql, address: 192.168.100.2, name: news }`. */
export const remoteDatabase = z.strictObject({
  machine: z.string().describe('The machine that runs it; it stands in `needs` of this machine'),
  address: machineAddress.describe('The address of that machine on the private network'),
  port: z.int().min(1).max(65_535).default(POSTGRES_PORT).describe('The port of its PostgreSQL'),
  name: identifier.describe('The name of the database and of the role that owns it'),
});

export type RemoteDatabase = z.output<typeof remoteDatabase>;

/** The psql that asks whether it answers, of the release's own version. */
export const REMOTE_DATABASE_PACKAGES = ['postgresql-client'];

/** The password, which the other machine's PostgreSQL made. */
export function databaseSecret({ machine, name }: RemoteDatabase): ServiceSecret {
  const from = { machine, service: 'postgres', name: `${name}-password` };
  return { name: 'database-password', kind: 'password', tell: undefined, from };
}

/** The password file of libpq and lib/pq (PostgreSQL, "The Password File"), for PGPASSFILE. */
export function passwordFile(service: string, user: string, { address, port, name }: RemoteDatabase): ServiceFile {
  const content = `${address}:${port}:${name}:${name}:{{secret:database-password}}\n`;
  return { path: `${GUEST.secrets}/${service}/pgpass`, mode: 0o400, owner: user, content };
}

/**
 * A script for root, before the service starts: waits until the other machine's PostgreSQL lets the role in by its password. What refuses it is
 * on the service's log, once. A plain connection is tried first: a psql that fails takes time from the other machine's start.
 */
export function awaitDatabase(service: string, user: string, { address, port, name }: RemoteDatabase): string {
  const psql = `s6-setuidgid ${user} /usr/bin/psql -XAtqw -h ${address} -p ${port} -U ${name} -d ${name} -c 'SELECT 1'`;
  const answers = `{ ${GUEST.busybox} nc -w 5 ${address} ${port} -e /bin/true && ${psql}; } 2>&1`;
  return `# The database in the other machine answers this role, or this service does not start.
export PGPASSFILE=${GUEST.secrets}/${service}/pgpass PGCONNECT_TIMEOUT=5
${untilAnswers(answers, `${GUEST.busybox} usleep 300000`)}`;
}
