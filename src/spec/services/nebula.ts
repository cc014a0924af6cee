import * as z from 'zod';
import { parseAddress } from '../../core/addresses/ipv4.ts';
import type { Service } from '../service.ts';
import { defineService } from './define.ts';
import { NEBULA_CONFIG } from './nebula-config.ts';

/** The name of vmkit's own client, which `probe` is; nobody else may have it. */
export const PROBE_CLIENT = 'probe';

const clientName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,29}[a-z0-9])?$/, 'a name of small letters, digits and hyphens')
  .refine((name) => name !== PROBE_CLIENT, "another name: `probe` is vmkit's own")
  .refine((name) => name !== 'any', 'another name: `any` means everybody to the firewall of Nebula');

const options = z
  .strictObject({
    port: z
      .int()
      .min(1)
      .max(65_535)
      .default(4242)
      .describe('The UDP port in the machine, and on every address of this host'),
    clients: z
      .array(clientName)
      .max(200)
      .refine((names) => new Set(names).size === names.length, 'each name once')
      .default(['laptop'])
      .describe('Who may come in; each gets a certificate. A name that you remove is shut out at the next boot'),
    endpoint: z
      .string()
      .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, 'a name or an IPv4 address, without a port')
      .optional()
      .describe(
        'The name or address where clients find the host; when absent, its address on the way to the internet, or with --host the name that ssh uses',
      ),
    address: z
      .string()
      .refine(isOverlayAddress, 'an IPv4 address with a prefix of 8 to 24, its last number 1 to 253: 10.89.0.1/24')
      .default('10.89.0.1/24')
      .describe('The address of the machine in the overlay; clients get the numbers after it'),
  })
  .meta({
    description:
      'Nebula, an overlay network of its own: clients reach the ports of the machine by [Nebula](tunnels.md#nebula).',
    examples: [{ clients: ['laptop', 'phone'] }],
  });

/**
 * A node of Nebula, and the lighthouse of an overlay of its own, from Debian. Its certificate and those of its clients are made on the host
 * (secrets/nebula-certificates.ts); the CA's key stays there.
 */
export const nebula = defineService(
  options,
  (node): Service => ({
    name: 'nebula',
    needs: [],
    packages: ['iproute2', 'nebula'],
    components: [],
    user: 'root',
    capabilities: ['net_admin', 'net_bind_service'],
    env: {},
    setup: `if ! error=$( { : </dev/net/tun; } 2>&1); then
  echo "vmkit-error tun-missing: nebula needs /dev/net/tun, which cannot be opened: \${error##*: }"
  exit 1
fi
`,
    run: `exec nebula -config ${NEBULA_CONFIG}\n`,
    // The address is there once the certificate was read, the socket is bound before (nebula, main.go).
    ready: {
      check: `ip -o -4 address show | grep -qF ' ${node.address} ' && ss -Hlun 'sport = :${node.port}' | grep -q .\n`,
      everyMs: 250,
      withinSeconds: 60,
    },
    afterReady: undefined,
    stop: { signal: 'TERM', withinSeconds: 10 },
    files: [],
    secrets: ['ca.crt', 'host.crt', 'host.key'].map((name) => ({ name, kind: 'made', tell: undefined })),
    kernelProfiles: ['nebula'],
    ports: [{ name: 'overlay', port: node.port, protocol: 'udp', hostPort: node.port }],
    nebula: node,
  }),
);

function isOverlayAddress(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  const number = parseAddress(address);
  if (number === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length)) return false;
  return Number(length) >= 8 && Number(length) <= 24 && number % 256 >= 1 && number % 256 <= 253;
}
