import * as z from 'zod';

const port = z.int({ error: 'a port, 1 to 65535' }).min(1).max(65_535);
const ipPrefix = z.string().regex(/^[0-9a-f.:]+\/[0-9]{1,3}$/, 'a network, such as 192.168.100.0/24');

const serveEntry = z.strictObject({
  as: z.enum(['tcp', 'http', 'https']).default('https').describe('https needs certificates of the tailnet'),
  port: port.describe('At the tailnet address'),
  to: port.describe('The port of a service of this machine'),
});

/** What vm.yaml may say of a node of a tailnet. */
export const options = z.strictObject({
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
