import * as z from 'zod';
import { GUEST } from '../../core/guest-paths.ts';
import type { Service } from '../service.ts';
import { defineService } from './define.ts';
import { listens } from './listens.ts';
import { ensureDatabases } from './postgres/postgres-role.ts';
import {
  awaitDatabase,
  databaseSecret,
  passwordFile,
  REMOTE_DATABASE_PACKAGES,
  type RemoteDatabase,
  remoteDatabase,
} from './postgres/remote-database.ts';

const options = z
  .strictObject({
    port: z.int().min(1).max(65_535).default(8080).describe('The port in the machine, and on 127.0.0.1 of this host'),
    admin: z
      .string()
      .regex(/^[a-z][a-z0-9-]*$/)
      .default('admin')
      .describe('The name of the administrator, who is made on the first boot'),
    database: remoteDatabase
      .optional()
      .describe('A database in another machine; when absent, the `postgres` of this machine is used'),
  })
  .meta({
    description:
      'Miniflux, a feed reader, from Debian.\n' +
      'It needs `use: postgres` in this machine, or a database in another one: [vm/miniflux](../vm/miniflux/vm.yaml).',
  });

/** Miniflux, a feed reader, from Debian. Its database is reached over the socket, by peer authentication, or in another machine, by password. */
export const miniflux = defineService(
  options,
  ({ port, admin, database }): Service => ({
    name: 'miniflux',
    needs: database === undefined ? ['postgres'] : [],
    packages: ['miniflux', 'ca-certificates', ...(database === undefined ? [] : REMOTE_DATABASE_PACKAGES)],
    components: [],
    user: 'miniflux',
    capabilities: [],
    env: {
      ...databaseEnv(database),
      RUN_MIGRATIONS: '1',
      // The host's forwarded port arrives on the guest's own address.
      LISTEN_ADDR: `0.0.0.0:${port}`,
      BASE_URL: `http://127.0.0.1:${port}`,
      CREATE_ADMIN: '1',
      ADMIN_USERNAME: admin,
      ADMIN_PASSWORD_FILE: `${GUEST.secrets}/miniflux/admin-password`,
      LOG_DATE_TIME: '0',
    },
    setup:
      database === undefined
        ? ensureDatabases([{ role: 'miniflux', database: 'miniflux' }])
        : awaitDatabase('miniflux', 'miniflux', database),
    run: 'exec miniflux\n',
    ready: {
      first: listens(port),
      check: `${GUEST.busybox} wget -q -T 5 -O /dev/null http://127.0.0.1:${port}/healthcheck\n`,
      everyMs: 100,
      withinSeconds: 180,
    },
    afterReady: undefined,
    stop: { signal: 'TERM', withinSeconds: 20 },
    files: database === undefined ? [] : [passwordFile('miniflux', 'miniflux', database)],
    secrets: [
      { name: 'admin-password', kind: 'password', tell: `Miniflux administrator ${admin}` },
      ...(database === undefined ? [] : [databaseSecret(database)]),
    ],
    ports: [{ name: 'web', port, protocol: 'http', hostPort: port }],
  }),
);

function databaseEnv(database: RemoteDatabase | undefined): Record<string, string> {
  if (database === undefined) {
    return { DATABASE_URL: `user=miniflux dbname=miniflux host=${GUEST.postgresql} sslmode=disable` };
  }
  const { address, port, name } = database;
  // The link between the machines is a socket of this user's: nobody else is on it.
  const url = `user=${name} dbname=${name} host=${address} port=${port} sslmode=disable connect_timeout=5`;
  return { DATABASE_URL: url, PGPASSFILE: `${GUEST.secrets}/miniflux/pgpass` };
}
