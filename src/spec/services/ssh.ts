import * as z from 'zod';
import { GUEST } from '../../core/guest-paths.ts';
import type { Service } from '../service.ts';
import { defineService } from './define.ts';
import { listens } from './listens.ts';

/** Where the secrets disk puts what dropbear needs: its host key, and the line of vmkit's own key. */
export const SSH_HOST_KEY = `${GUEST.secrets}/ssh/host-key`;
export const SSH_AUTHORIZED_KEYS = '/root/.ssh/authorized_keys';

/** vmkit's own way in: dropbear, for root, by key only, nothing forwarded (dropbear(8)). In every machine. */
export const ssh = defineService(
  z.strictObject({}),
  (): Service => ({
    name: 'ssh',
    needs: [],
    packages: ['dropbear-bin'],
    components: [],
    user: 'root',
    capabilities: 'all',
    isVital: true,
    env: {},
    setup: undefined,
    run: `exec dropbear -F -E -s -j -k -c ${GUEST.own}/session -p 22 -r ${SSH_HOST_KEY} -P ${GUEST.own}/dropbear.pid\n`,
    // No connection, which dropbear would log.
    ready: {
      first: listens(22),
      check: 'true\n',
      still: `[ "$(${GUEST.busybox} nc -w 10 127.0.0.1 22 </dev/null | head -c 4)" = SSH- ]\n`,
      everyMs: 100,
      withinSeconds: 60,
    },
    afterReady: undefined,
    stop: { signal: 'TERM', withinSeconds: 5 },
    files: [],
    secrets: [],
    ports: [{ name: 'ssh', port: 22, protocol: 'ssh', hostPort: undefined }],
  }),
);
