import * as z from 'zod';

const port = z.int({ error: 'a port, 1 to 65535' }).min(1).max(65_535);
const ipPrefix = z.string().regex(/^[0-9a-f.:]+\/[0-9]{1,3}$/, 'a network, such as 192.168.100.0/24');

const serveEntry = z.strictObject({
  as: z
    .enum(['tcp', 'http', 'https'])
    .default('https')
    .describe('What is spoken at the tailnet address; https needs the certificates of the tailnet'),
  port: port.describe('The port at the tailnet address'),
  to: port.describe('The port of a service of this machine where it leads'),
});

/** What vm.yaml may say of a node of a tailnet. */
export const options = z
  .strictObject({
    mode: z
      .enum(['auto', 'tun', 'userspace'])
      .default('auto')
      .describe('tun: by the kernel; userspace: by tailscaled alone; auto: tun where /dev/net/tun opens'),
    hostname: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name of small letters, digits and hyphens')
      .optional()
      .describe('The name in the tailnet; the name of the machine when absent'),
    tags: z
      .array(z.string().regex(/^tag:[a-zA-Z][a-zA-Z0-9-]*$/, 'tag:NAME'))
      .default([])
      .describe('Tags of the node in the tailnet; each is `tag:NAME`'),
    loginServer: z
      .string()
      .regex(/^https?:\/\/[A-Za-z0-9.:[\]-]+\/?$/, 'a URL, such as https://headscale.example.org')
      .optional()
      .describe('Your own control server, such as headscale; that of Tailscale when absent'),
    serve: z
      .array(serveEntry)
      .default([])
      .describe('Ports at the tailnet address that lead to services of this machine'),
    routes: z.array(ipPrefix).default([]).describe('Networks that this machine offers to route for the tailnet'),
    acceptRoutes: z.boolean().default(false).describe('Whether this machine uses routes that other nodes offer'),
    acceptDns: z.boolean().default(false).describe('Whether this machine asks the name server of the tailnet'),
    hosts: z
      .boolean()
      .default(false)
      .describe('Whether the names of the tailnet are written into /etc/hosts of the machine, for acceptDns: false'),
    statefulFiltering: z
      .boolean()
      .default(false)
      .describe('Whether a machine that routes drops packets that belong to no connection it knows'),
    netfilter: z
      .enum(['on', 'nodivert', 'off'])
      .default('on')
      .describe('How far tailscaled sets firewall rules: all, without the jumps to them, or none'),
  })
  .meta({
    description:
      'Tailscale: the machine is a node of your tailnet. How to join it: [Ways in from a tailnet](reachability.md#set-it-up).',
    examples: [{ hostname: 'git', tags: ['tag:server'] }],
  });

export type TailscaleOptions = z.output<typeof options>;
