import * as z from 'zod';
import { isPrivate, parseAddress } from '../core/ipv4.ts';
import { WORLDS } from './network.ts';
import { duration, expected, size } from './units.ts';

/** Names of machines, services and ports: they become file names, user names and host names (RFC 1123). */
const NAME = /^[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?$/;
const nameError = expected('a name: at most 31 of a-z, 0-9 and -, a letter first, no - at the end');
const name = z.string({ error: nameError }).regex(NAME, { error: nameError });

/** Debian Policy 5.6.7. */
const packageError = expected('the name of a Debian package');
const packageName = z.string({ error: packageError }).regex(/^[a-z0-9][a-z0-9+.-]+$/, { error: packageError });

const port = z.int({ error: 'a port, 1 to 65535' }).min(1, 'a port, 1 to 65535').max(65535, 'a port, 1 to 65535');
const addressError = expected(
  'an IPv4 address of a private range, its last number 2 to 254',
  'For example 192.168.100.2; .1 is the gateway.',
);
/** An address of a machine on a private network; 10.0.2.0/24 is QEMU's user network. */
export const machineAddress = z.string({ error: addressError }).refine(isMachineAddress, { error: addressError });

const lanAddressError = expected('an IPv4 address with the length of its prefix', 'For example 192.168.1.50/24.');
const lanAddress = z.string({ error: lanAddressError }).refine(isLanAddress, { error: lanAddressError });

const script = z.string({ error: 'a shell script' }).trim().min(1, 'a shell script that does something');

const urlError = expected('a URL that starts with http://', 'A check with TLS is written as `check: SCRIPT`.');
const readyError = expected('one of http, tcp and check', 'ready: { http: http://127.0.0.1:8000/ }');
const ready = z
  .strictObject(
    {
      http: z
        .string()
        .regex(/^http:\/\/[^\s'"\\]+$/, { error: urlError })
        .optional()
        .describe('This URL answers 200'),
      tcp: port.optional().describe('127.0.0.1 accepts connections on this port'),
      check: script.optional().describe('This shell script exits 0'),
      within: duration().default(60_000).describe('How long it may take from the start'),
      every: duration().default(200).describe('Time between two tries'),
    },
    { error: readyError },
  )
  .refine(({ http, tcp, check }) => [http, tcp, check].filter((way) => way !== undefined).length === 1, {
    error: `exactly ${readyError}`,
  });

const modeError = expected(
  'a file mode as text, such as "0644"',
  'Put it in quotes: YAML reads 0644 as the number 644.',
);
const file = z.strictObject({
  path: z
    .string()
    .regex(/^\/[^\0]+$/, { error: 'an absolute path' })
    .describe('Absolute path in the machine'),
  content: z.string().describe('`{{secret:NAME}}` stands for a secret of this service'),
  mode: z
    .string({ error: modeError })
    .regex(/^0?[0-7]{3}$/, { error: modeError })
    .default('0644'),
  owner: z.enum(['root', 'service']).default('root').describe('root, or the user of this service'),
});

const textError = expected('text', 'Put it in quotes.');
const secret = z.strictObject({
  name: name.describe('In the machine: /run/secrets/SERVICE/NAME'),
  kind: z.enum(['password', 'key', 'hex', 'jwt']).default('password'),
  tell: z.string().min(1).optional().describe('Named at the end of `boot`, with the file that holds it'),
});

const servicePort = z.strictObject({
  name,
  port: port.describe('In the machine'),
  protocol: z
    .enum(['http', 'ssh', 'postgres', 'tcp', 'udp'])
    .default('tcp')
    .describe('udp is open on every address of the host'),
  host: port.optional().describe('On 127.0.0.1 of the host; not forwarded when absent'),
});

/** A service that a person writes in vm.yaml. */
export const ownService = z.strictObject({
  name: name.describe('Also the name of its user and of its home, /data/NAME'),
  needs: z.array(name).default([]).describe('Services that must be ready before this one starts'),
  packages: z.array(packageName).default([]).describe('Debian packages'),
  components: z
    .array(name)
    .default([])
    .describe('Executables that Debian does not have, given by --component NAME=PATH'),
  user: name.optional().describe('Default: the name of the service'),
  env: z
    .record(z.string().regex(/^[A-Za-z_]\w*$/, 'a name of an environment variable'), z.string({ error: textError }))
    .default({}),
  setup: script.optional().describe('Runs as root before each start; must be idempotent'),
  run: script.describe('Ends in `exec DAEMON`, in the foreground'),
  ready: ready.describe('How to ask whether it really answers'),
  afterReady: script.optional().describe('Runs as root each time the service became ready; must be idempotent'),
  stop: z
    .strictObject({
      signal: z.enum(['TERM', 'INT', 'QUIT', 'HUP']).default('TERM'),
      within: duration().default(20_000),
    })
    .prefault({}),
  files: z.array(file).default([]).describe('Files made at boot'),
  secrets: z.array(secret).default([]).describe('Made once per machine; in no image and on no command line'),
  ports: z.array(servicePort).default([]),
});

const worldError = expected(
  'one of none, internet and host',
  'internet: the world without this host; host: this host as well.',
);
const world = {
  world: z
    .enum(WORLDS, { error: worldError })
    .default('internet')
    .describe('What the machine may dial: none, internet (nothing of this host), host (its loopback as well)'),
  hostAccess: z
    .array(port)
    .default([])
    .describe("With `world: internet`: TCP ports of this host's loopback that it may dial at 10.0.2.2"),
};

/** vm.yaml, with its services still unread: each has a schema of its own. */
export const definition = z.strictObject({
  name,
  arch: z.enum(['x86_64', 'arm64']).optional().describe('Default: as this machine'),
  cpus: z.int({ error: 'a number of CPUs, 1 to 64' }).min(1, 'at least 1').max(64, 'at most 64').default(2),
  memory: size(256).describe('For example 768MiB'),
  data: size(64).describe('Size of the data disk, for example 4GiB; it grows to this and never shrinks'),
  kernel: z
    .strictObject({
      profile: name.default('default').describe('Which fragments of kernel-configs/ the kernel is made of'),
      fragments: z.array(z.string().min(1)).default([]).describe('Files of your own, relative to vm.yaml'),
    })
    .prefault({}),
  needs: z.array(name).default([]).describe('Other machines that must be ready before this one starts'),
  network: z
    .discriminatedUnion(
      'kind',
      [
        z.strictObject({ kind: z.literal('user'), ...world }).describe("QEMU's user network alone"),
        z
          .strictObject({ kind: z.literal('private'), address: machineAddress, ...world })
          .describe('Beside it, a link to the machines that this one needs and that need it'),
        z
          .strictObject({ kind: z.literal('bridge'), address: machineAddress })
          .describe("A TAP of this host's bridge, which `vmkit host setup` makes"),
        z
          .strictObject({
            kind: z.literal('macvtap'),
            on: z
              .string()
              .regex(/^[A-Za-z0-9_.-]{1,15}$/, 'an interface of this host')
              .describe('The interface of this host whose network it is'),
            address: lanAddress.describe('Free on that network, with the length of its prefix'),
            gateway: z.ipv4('an IPv4 address').optional().describe("That network's router"),
          })
          .describe('An address of its own on the network of an interface of this host'),
      ],
      { error: expected('a network', 'network: { kind: private, address: 192.168.100.2 }') },
    )
    .default({ kind: 'user', world: 'internet', hostAccess: [] }),
  packages: z.array(packageName).default([]).describe('Debian packages beside those of the services'),
  services: z.array(z.looseObject({}, { error: 'a service: `use: NAME`, or the fields of your own' })).min(1, {
    error: expected('at least one service', 'services:\n  - use: postgres'),
  }),
});

function isMachineAddress(text: string): boolean {
  const number = parseAddress(text);
  if (number === undefined || text.startsWith('10.0.2.')) return false;
  return isPrivate({ base: number, bits: 32 }) && number % 256 >= 2 && number % 256 <= 254;
}

/** Any host of a /8 to /30. */
function isLanAddress(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  const number = parseAddress(address);
  const bits = Number(length);
  if (number === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length) || bits < 8 || bits > 30) return false;
  const host = number % 2 ** (32 - bits);
  return host > 0 && host < 2 ** (32 - bits) - 1;
}

export type OwnService = z.output<typeof ownService>;
export type Definition = z.output<typeof definition>;
