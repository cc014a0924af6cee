import type { Service } from '../../service.ts';
import { defineService } from '../define.ts';
import { options } from './tailscale-options.ts';
import { chooseMode, joinTailnet, runDaemon, TAILSCALE_SOCKET } from './tailscale-scripts.ts';

/**
 * A node of a tailnet. Its state is on the data disk, so that it stays the same node over reboots and new images. The auth key is given by a person, used
 * once, from a file in memory. Everything that a default of another version might change is said aloud.
 */
export const tailscale = defineService(
  options,
  (chosen): Service => ({
    name: 'tailscale',
    needs: [],
    packages: ['ca-certificates', 'iproute2', 'nftables'],
    components: ['tailscale', 'tailscaled'],
    user: 'root',
    capabilities: ['net_admin', 'net_bind_service', 'net_raw'],
    env: {
      // `auto` would take iptables wherever that binary is.
      TS_DEBUG_FIREWALL_MODE: 'nftables',
      // A tailnet of one's own owes Tailscale's log server nothing.
      ...(chosen.loginServer === undefined ? {} : { TS_NO_LOGS_NO_SUPPORT: 'true' }),
    },
    setup: chooseMode(chosen.mode, chosen.routes.length > 0),
    run: runDaemon(),
    ready: {
      first: `[ -S ${TAILSCALE_SOCKET} ]`,
      check: 'true\n',
      still: 'tailscale status --json --peers=false >/dev/null\n',
      everyMs: 250,
      withinSeconds: 180,
    },
    afterReady: joinTailnet(chosen),
    stop: { signal: 'TERM', withinSeconds: 20 },
    files: [],
    secrets: [
      {
        name: 'auth-key',
        kind: 'password',
        tell: undefined,
        given: { variable: 'TS_AUTHKEY', title: 'Tailscale auth key' },
      },
    ],
    ports: [],
    ...(chosen.mode === 'userspace' ? {} : { kernelProfiles: ['tailscale-nftables'] }),
    node: {
      ...{ serve: chosen.serve, routes: chosen.routes, loginServer: chosen.loginServer },
      ...{ tags: chosen.tags, hostname: chosen.hostname, isUserspace: chosen.mode === 'userspace' },
      writesHosts: chosen.hosts,
    },
  }),
);
