import * as z from 'zod';
import type { Service } from '../service.ts';
import { defineService } from './define.ts';
import { chooseMode, joinTailnet, runDaemon } from './tailscale-scripts.ts';

const port = z.int({ error: 'a port, 1 to 65535' }).min(1).max(65_535);
const ipPrefix = z.string().regex(/^[0-9a-f.:]+\/[0-9]{1,3}$/, 'a network, such as 192.168.100.0/24');

const serveEntry = z.strictObject({
  as: z.enum(['tcp', 'http', 'https']).default('https').describe('https needs certificates of the tailnet'),
  port: port.describe('At the tailnet address'),
  to: port.describe('The port of a service of this machine'),
});

const options = z.strictObject({
  mode: z
    .enum(['auto', 'tun', 'userspace'])
    .default('auto')
    .describe('auto takes TUN where /dev/net/tun opens, and says what it took'),
  hostname: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name of small letters, digits and hyphens')
    .optional()
    .describe("In the tailnet. Default: the machine's name"),
  tags: z.array(z.string().regex(/^tag:[a-zA-Z][a-zA-Z0-9-]*$/, 'tag:NAME')).default([]),
  loginServer: z
    .string()
    .regex(/^https?:\/\/[A-Za-z0-9.:[\]-]+\/?$/, 'a URL, such as https://headscale.example.org')
    .optional()
    .describe("headscale or another control server. Default: Tailscale's own"),
  serve: z.array(serveEntry).default([]).describe('Ports at the tailnet address that lead to services of this machine'),
  routes: z.array(ipPrefix).default([]).describe('Networks that this machine routes for the tailnet'),
  acceptRoutes: z.boolean().default(false),
  acceptDns: z.boolean().default(false).describe("Whether the tailnet's resolver is this machine's"),
  statefulFiltering: z
    .boolean()
    .default(false)
    .describe('Drops answers behind a subnet router that it saw no question for'),
  netfilter: z.enum(['on', 'nodivert', 'off']).default('on'),
});

export type TailscaleOptions = z.output<typeof options>;

/**
 * A node of a tailnet. Its state is on the data disk, so that it stays the same node over reboots and new images. The auth key is given by a person, used
 * once, from a file in memory. Everything that a default of another version might change is said aloud.
 */
export const tailscale = defineService(
  options,
  (chosen): Service => ({
    name: 'tailscale',
    needs: [],
    packages: ['ca-certificates', 'curl', 'iproute2', 'nftables'],
    components: ['tailscale', 'tailscaled'],
    user: 'root',
    env: {
      // `auto` would take iptables wherever that binary is.
      TS_DEBUG_FIREWALL_MODE: 'nftables',
      // A tailnet of one's own owes Tailscale's log server nothing.
      ...(chosen.loginServer === undefined ? {} : { TS_NO_LOGS_NO_SUPPORT: 'true' }),
    },
    setup: chooseMode(chosen.mode, chosen.routes.length > 0),
    run: runDaemon(),
    ready: { check: '[ -S /run/tailscale/tailscaled.sock ]\n', everyMs: 250, withinSeconds: 180 },
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
    serves: chosen.serve,
  }),
);
