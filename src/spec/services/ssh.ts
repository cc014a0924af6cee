import * as z from 'zod';
import { GUEST } from '../../core/guest-paths.ts';
import type { Service } from '../service.ts';
import { defineService } from './define.ts';

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
    // Port 22 in hexadecimal, state 0A = LISTEN (proc_pid_net_tcp(5)): no process, no connection that dropbear would log.
    ready: {
      check: "grep -q ':0016 [0:]* 0A' /proc/net/tcp /proc/net/tcp6\n",
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
