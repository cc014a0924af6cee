import * as z from 'zod';
import type { Service } from '../service.ts';
import { defineService } from './define.ts';
import { ensureDatabases } from './postgres-role.ts';

const options = z.strictObject({
  port: z.int().min(1).max(65_535).default(8080).describe('In the guest, and on 127.0.0.1 of the host.'),
  admin: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/)
    .default('admin')
    .describe("The administrator's name."),
});

/** Miniflux, a feed reader, from Debian. Its database is reached over the socket, by peer authentication. */
export const miniflux = defineService(
  options,
  ({ port, admin }): Service => ({
    name: 'miniflux',
    needs: ['postgres'],
    packages: ['miniflux', 'ca-certificates'],
    components: [],
    user: 'miniflux',
    env: {
      DATABASE_URL: 'user=miniflux dbname=miniflux host=/run/postgresql sslmode=disable',
      RUN_MIGRATIONS: '1',
      // The host's forwarded port arrives on the guest's own address.
      LISTEN_ADDR: `0.0.0.0:${port}`,
      BASE_URL: `http://127.0.0.1:${port}`,
      CREATE_ADMIN: '1',
      ADMIN_USERNAME: admin,
      ADMIN_PASSWORD_FILE: '/run/secrets/miniflux/admin-password',
      LOG_DATE_TIME: '0',
    },
    setup: ensureDatabases([{ role: 'miniflux', database: 'miniflux' }]),
    run: 'exec miniflux\n',
    ready: {
      check: `/run/vmkit/busybox wget -q -T 5 -O /dev/null http://127.0.0.1:${port}/healthcheck\n`,
      everyMs: 100,
      withinSeconds: 180,
    },
    afterReady: undefined,
    stop: { signal: 'TERM', withinSeconds: 20 },
    files: [],
    secrets: [{ name: 'admin-password', kind: 'password', tell: `Miniflux administrator ${admin}` }],
    ports: [{ name: 'web', port, protocol: 'http', hostPort: port }],
  }),
);
