import * as z from 'zod';
import { PROTOCOLS } from '../../core/protocol.ts';
import { DEBIAN_SUITE, SUITES } from '../../core/suite.ts';
import { NAME } from '../../core/text/names.ts';
import { DEFAULT_RECIPE, isKernelChoice } from '../kernel.ts';
import { networkSchema } from '../networks/networks.ts';
import { everyService } from '../services/define.ts';
import { duration, expected, port, size } from '../units.ts';

const nameError = expected('a name: at most 31 of a-z, 0-9 and -, a letter first, no - at the end');
const name = z.string({ error: nameError }).regex(NAME, { error: nameError }).meta({ title: 'name' });

/** Debian Policy 5.6.7. */
const packageError = expected('the name of a Debian package');
const packageName = z
  .string({ error: packageError })
  .regex(/^[a-z0-9][a-z0-9+.-]+$/, { error: packageError })
  .meta({ title: 'Debian package' });

const script = z
  .string({ error: 'a shell script' })
  .trim()
  .min(1, 'a shell script that does something')
  .meta({ title: 'script' });

const urlError = expected('a URL that starts with http://', 'A check with TLS is written as `check: SCRIPT`.');
const readyError = expected('one of http, tcp and check', 'ready: { http: http://127.0.0.1:8000/ }');
const ready = z
  .strictObject(
    {
      http: z
        .string()
        .regex(/^http:\/\/[^\s'"\\]+$/, { error: urlError })
        .optional()
        .describe('The service is ready when this URL answers 200'),
      tcp: port
        .optional()
        .describe('The service is ready when this port of 127.0.0.1 in the machine accepts a connection'),
      check: script
        .optional()
        .describe('The service is ready when this script, run as the user of the service, exits 0'),
      within: duration()
        .prefault('60s')
        .describe('How long it may take from its start until it is ready; then the boot fails'),
      every: duration().prefault('200ms').describe('Time between two tries'),
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
    .meta({ title: 'path', description: 'Absolute path in the machine' }),
  content: z.string().describe('What the file holds; `{{secret:NAME}}` is replaced by that secret of the service'),
  mode: z
    .string({ error: modeError })
    .regex(/^0?[0-7]{3}$/, { error: modeError })
    .default('0644')
    .describe('Permissions, in quotes'),
  owner: z.enum(['root', 'service']).default('root').describe('root, or the user of the service'),
});

const textError = expected('text', 'Put it in quotes.');
const secret = z.strictObject({
  name: name.describe('The secret is the file /run/secrets/SERVICE/NAME in the machine'),
  kind: z
    .enum(['password', 'key', 'hex', 'jwt'])
    .default('password')
    .describe('password: 24 letters and digits; hex: 64 digits; key and jwt: as Forgejo wants them'),
  tell: z
    .string()
    .min(1)
    .optional()
    .describe('What `boot` calls it at its end, when it names the file that holds it; not named when absent'),
});

const servicePort = z.strictObject({
  name: name.describe('For people: `web`, `sql`'),
  port: port.describe('The port in the machine'),
  protocol: z
    .enum(PROTOCOLS)
    .default('tcp')
    .describe('What is spoken there; a udp port is open on every address of this host'),
  host: port.optional().describe('The port on 127.0.0.1 of this host that leads there; none when absent'),
});

/** A service that a person writes in vm.yaml. */
export const ownService = z.strictObject({
  name: name.describe('The name of the service; its home is /data/NAME, on the data disk'),
  needs: z.array(name).default([]).describe('Services of this machine that must be ready before this one starts'),
  packages: z.array(packageName).default([]).describe('Debian packages that it uses'),
  components: z
    .array(name)
    .default([])
    .describe('Executables that Debian does not have; `boot --component NAME=PATH` gives them'),
  user: name.optional().describe('The user that it runs as; the name of the service when absent'),
  env: z
    .record(z.string().regex(/^[A-Za-z_]\w*$/, 'a name of an environment variable'), z.string({ error: textError }))
    .default({})
    .meta({ title: 'names and texts', description: 'Environment variables' }),
  setup: script.optional().describe('Runs as root before each start, so it must bear to run again'),
  ...everyService,
  run: script.describe('Starts the service; ends in `exec PROGRAM`, and the program stays in the foreground'),
  ready: ready.describe('How vmkit asks whether the service answers: one of `http`, `tcp` and `check`'),
  afterReady: script
    .optional()
    .describe('Runs as root each time that the service has become ready, so it must bear to run again'),
  stop: z
    .strictObject({
      signal: z.enum(['TERM', 'INT', 'QUIT', 'HUP']).default('TERM').describe('The signal that asks it to end'),
      within: duration().prefault('20s').describe('How long it may take to end; then it is killed'),
    })
    .prefault({})
    .describe('How the service is stopped'),
  backup: z
    .strictObject({
      before: script
        .optional()
        .describe('Runs as root before a backup or a snapshot takes the disk as it is: what the service has in memory'),
      after: script.optional().describe('Runs as root afterwards, whatever happened'),
      counts: script
        .optional()
        .describe('Prints `NAME NUMBER` a line; `backup --check` compares the numbers of the restored copy'),
      verify: script
        .optional()
        .describe('Runs as root in the restored copy of `backup --check`; fails where it is not whole'),
    })
    .optional()
    .describe('What a backup asks of the service; the data disk stands still for an instant in any case'),
  files: z.array(file).default([]).describe('Files that are made at each boot'),
  secrets: z.array(secret).default([]).describe('Random values that vmkit makes once for each machine'),
  ports: z.array(servicePort).default([]).describe('Ports that the service listens on'),
});

const kernelError = expected('auto, vmkit, debian, a path with a / in it, or a group', 'kernel: debian');
const kernel = z.union(
  [
    z.string().refine(isKernelChoice, { error: kernelError }).meta({ title: '`auto`, `vmkit`, `debian` or a path' }),
    z
      .strictObject({
        profile: name
          .default(DEFAULT_RECIPE.profile)
          .describe('A list of kernel fragments that kernel-configs/profiles.yaml names: `default` or `small`'),
        fragments: z
          .array(z.string().min(1))
          .default([])
          .describe('Files with kernel options of your own; paths are relative to vm.yaml'),
      })
      .meta({ title: 'group' }),
  ],
  { error: kernelError },
);

/** vm.yaml, with its services still unread: each has a schema of its own. */
export const definition = z.strictObject({
  name: name.describe('The name of the machine; the name of the folder of vm.yaml, too'),
  arch: z.enum(['x86_64', 'arm64']).optional().describe('Architecture of the machine; that of this host when absent'),
  cpus: z
    .int({ error: 'a number of CPUs, 1 to 64' })
    .min(1, 'at least 1')
    .max(64, 'at most 64')
    .default(2)
    .describe('Number of CPUs'),
  memory: size(256).describe('Size of the memory, at least 256MiB'),
  data: size(64).describe('Size of the data disk, at least 64MiB; it grows when you write more, and never shrinks'),
  kernel: kernel
    .default('auto')
    .describe(
      "`vmkit`: vmkit's own; `debian`: Debian's signed cloud kernel; `auto`: vmkit's own where `build-kernel` has built it, else Debian's; a path: a kernel image, or a folder as `dpkg -x` and `make dir-pkg` leave it (boot/vmlinuz-V, lib/modules/V); a group: vmkit's own, with options of yours",
    ),
  suite: z
    .enum(SUITES)
    .default(DEBIAN_SUITE)
    .describe(
      'The release of Debian that packages come from; with another one PostgreSQL may have another major version, and its data wants [vmkit upgrade](operations.md#upgrades)',
    ),
  needs: z
    .array(name)
    .default([])
    .describe('Other machines that this one needs: `boot` starts them, too, and this one waits for them'),
  network: networkSchema
    .default({ kind: 'user', world: 'internet', hostAccess: [] })
    .describe('How the machine is connected'),
  packages: z.array(packageName).default([]).describe('More Debian packages, beside those that the services use'),
  notify: z
    .string()
    .regex(/^https?:\/\/[^\s]+$/, { error: expected('a URL that takes a POST', 'notify: https://ntfy.example/forge') })
    .optional()
    .describe('A URL that is sent a JSON text when a service stops answering, and when all is well again'),
  rollback: z
    .enum(['auto'], { error: expected('auto', 'Leave it out to be asked nothing, and to look at what failed.') })
    .optional()
    .describe(
      '`auto`: where a boot fails with a new definition, kernel or packages, it goes back to those that it last got ready with, and to the data of before',
    ),
  services: z.array(z.looseObject({}, { error: 'a service: `use: NAME`, or the fields of your own' })).min(1, {
    error: expected('at least one service', 'services:\n  - use: postgres'),
  }),
});

export type OwnService = z.output<typeof ownService>;
export type Definition = z.output<typeof definition>;
