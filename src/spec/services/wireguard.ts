import * as z from 'zod';
import { formatAddress, isPrivate, parseAddress } from '../../core/addresses/ipv4.ts';
import { GUEST } from '../../core/guest-paths.ts';
import { isOnUserNetwork } from '../networks/user-network.ts';
import type { Service, ServiceFile, ServiceSecret, WireguardClient, WireguardTunnel } from '../service.ts';
import { expected } from '../units.ts';
import { defineService } from './define.ts';

/**
 * What fits into 1500 bytes on the way with the outer header, IPv6's 40, UDP's 8 and WireGuard's 32: what wg-quick(8) takes, too. A tunnel around it, such as
 * PPPoE or Tailscale's, makes the way narrower; what is too long is then cut by IP outside, or lost.
 */
export const WIREGUARD_MTU = 1420;

const CONFIG = `${GUEST.secrets}/wireguard/wg0.conf`;
const PREFIX_LENGTH = 24;
/** vmkit's own client: the last host address of the tunnel. */
const PROBE = 'probe';
const PROBE_HOST = 254;

const nameError = expected('a name: at most 31 of a-z, 0-9 and -, a letter first', 'clients: [phone, laptop]');
const clientName = z
  .string({ error: nameError })
  .regex(/^[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?$/, { error: nameError })
  .refine((name) => name !== PROBE, 'another name: probe is the client of `vmkit probe`');

const addressError = expected('the first address of a private /24', 'For example 10.88.0.1/24.');

/** What vm.yaml may say of it. */
const options = z
  .strictObject({
    port: z
      .int({ error: 'a port, 1 to 65535' })
      .min(1, 'a port, 1 to 65535')
      .max(65_535, 'a port, 1 to 65535')
      .default(51_820)
      .describe('The UDP port in the machine, and on every address of this host'),
    clients: z
      .array(clientName)
      .max(PROBE_HOST - 2, `at most ${PROBE_HOST - 2} clients`)
      .refine((names) => new Set(names).size === names.length, 'names that are all different')
      .default(['phone'])
      .describe(
        'Who may come in; each gets a key, and an address by its place in the list, so add new names at the end',
      ),
    endpoint: z
      .string()
      .regex(/^[A-Za-z0-9.:-]+$/, 'a name or an address of this host, without a port')
      .optional()
      .describe(
        'The name or address where clients find the host; when absent, its address on the way to the internet, or with --host the name that ssh uses',
      ),
    address: z
      .string({ error: addressError })
      .refine(isFirstOfNetwork, { error: addressError })
      .default('10.88.0.1/24')
      .describe('The address of the machine in the tunnel; clients get the numbers after it'),
  })
  .meta({
    description: 'WireGuard: phones and laptops reach the machine by [WireGuard](tunnels.md#wireguard).',
    examples: [{ clients: ['phone', 'laptop'] }],
  });

/**
 * WireGuard by the kernel: clients reach all that listens on the machine's address in the tunnel, and nothing else through it. Keys are made by vmkit; those of
 * clients stay on this host.
 */
export const wireguard = defineService(options, ({ port, clients: names, endpoint, address: written }): Service => {
  const [address = ''] = written.split('/');
  const clients = names.map((name, index) => clientAt(name, address, index + 1));
  const tunnel = { address, port, endpoint, clients, probe: clientAt(PROBE, address, PROBE_HOST - 1) };
  return {
    name: 'wireguard',
    needs: [],
    packages: ['iproute2', 'wireguard-tools'],
    components: [],
    user: 'root',
    capabilities: ['net_admin'],
    env: {},
    setup: raise(tunnel),
    run: `# The kernel does the work. Once stopped, there is no way in any more.
trap 'kill $!; ip link delete dev wg0; exit 0' TERM
sleep infinity &
wait $!
`,
    ready: { check: `[ "$(wg show wg0 listen-port)" = ${port} ]\n`, everyMs: 200, withinSeconds: 60 },
    afterReady: undefined,
    stop: { signal: 'TERM', withinSeconds: 10 },
    files: [configuration(tunnel)],
    secrets: secrets(tunnel),
    ports: [{ name: 'wireguard', port, protocol: 'udp', hostPort: port }],
    kernelProfiles: ['wireguard'],
    wireguard: tunnel,
  };
});

function clientAt(name: string, machine: string, after: number): WireguardClient {
  return { name, address: formatAddress((parseAddress(machine) ?? 0) + after), secret: `client-${name}` };
}

function secrets({ clients, probe }: WireguardTunnel): ServiceSecret[] {
  const kind = 'wireguard';
  return [
    { name: 'private-key', kind, tell: undefined },
    ...[...clients, probe].map(
      ({ secret }): ServiceSecret => ({ name: secret, kind, tell: undefined, isHostOnly: true }),
    ),
  ];
}

/** For `wg setconf`: wg(8), "Configuration file format". A peer may use its own address only. */
function configuration({ port, clients, probe }: WireguardTunnel): ServiceFile {
  const peers = [...clients, probe].map(
    ({ name, secret, address }) => `
# ${name}
[Peer]
PublicKey = {{public:${secret}}}
AllowedIPs = ${address}/32
`,
  );
  const content = `[Interface]
PrivateKey = {{secret:private-key}}
ListenPort = ${port}
${peers.join('')}`;
  return { path: CONFIG, mode: 0o400, owner: 'root', content };
}

/** Root's script before each start: wg0 as the definition says, whatever is left of a former one. */
function raise({ address }: WireguardTunnel): string {
  return `[ -e /sys/class/net/wg0 ] || ip link add dev wg0 type wireguard || {
  echo 'This kernel has no WireGuard: CONFIG_WIREGUARD=y, or the default profile.'
  exit 1
}
wg setconf wg0 ${CONFIG}
ip address replace ${address}/${PREFIX_LENGTH} dev wg0
ip link set dev wg0 mtu ${WIREGUARD_MTU} up
`;
}

function isFirstOfNetwork(text: string): boolean {
  const [address = '', length] = text.split('/');
  const number = parseAddress(address);
  if (number === undefined || length !== String(PREFIX_LENGTH)) return false;
  return number % 256 === 1 && isPrivate({ base: number, bits: 32 }) && !isOnUserNetwork(address);
}
