import * as z from 'zod';
import { GUEST } from '../../../core/guest-paths.ts';
import type { Service, ServiceSecret } from '../../service.ts';
import { defineService } from '../define.ts';
import { listens } from '../listens.ts';
import { ensureDatabases } from '../postgres/postgres-role.ts';
import {
  awaitDatabase,
  databaseSecret,
  passwordFile,
  REMOTE_DATABASE_PACKAGES,
  remoteDatabase,
} from '../postgres/remote-database.ts';
import {
  appIni,
  EXPOSED_ADDRESS,
  FORGEJO_CONFIG,
  FORGEJO_DATA,
  FORGEJO_DATABASE,
  FORGEJO_REPOSITORIES,
  FORGEJO_USER,
} from './app-ini.ts';
import { forgejoSettings, settingSecrets, withAppSettings } from './app-ini-settings.ts';
import { ensureAdministrator } from './forgejo-administrator.ts';
import { registerRunners, runnerName, runnerSecrets } from './forgejo-runners.ts';
import { rememberVersion, versionGuard } from './forgejo-version.ts';

/** Forgejo refuses these as user names (models/user/user.go, reservedUsernames; Forgejo 9 to 15). */
const RESERVED = new Set(
  `admin api assets attachments avatar avatars captcha commits debug devtest error explore forgejo-actions ghost gitea-actions issues login
   metrics milestones new notifications org pulls raw repo repo-avatars search user v2`.split(/\s+/),
);

const port = z.int().min(1024, 'a port from 1024: Forgejo does not run as root').max(65_535);

const options = z
  .strictObject({
    port: port.default(3000).describe('The port of its pages, in the machine and on 127.0.0.1 of this host'),
    sshPort: port.default(2222).describe('The port of git over ssh, in the machine and on 127.0.0.1 of this host'),
    admin: z
      .string()
      .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, 'a name of small letters, digits and single hyphens')
      .max(40)
      .refine((name) => !RESERVED.has(name), 'a name that Forgejo has not reserved for itself, such as `owner`')
      .default('owner')
      .describe('The name of the administrator, who is made on the first boot; a later change has no effect'),
    url: z
      .string()
      .regex(
        /^(exposed|https?:\/\/[A-Za-z0-9.:-]+(\/[A-Za-z0-9._~-]+)*\/)$/,
        'a URL that ends in a slash, https://git.example.org/, or exposed',
      )
      .optional()
      .describe(
        'The address by which people reach it, with a slash at the end; `exposed`: that of the way that [vmkit expose](reachability.md#set-it-up) set up last. http://127.0.0.1:PORT/ when absent',
      ),
    version: z
      .string()
      .regex(/^\d+\.\d+\.\d+$/, 'a whole version in quotes, such as "15.0.3"')
      .optional()
      .describe(
        "The release to fetch, and the only one that starts; when absent, what vmkit knows or the given component has. Another one's data wants [vmkit upgrade](operations.md#upgrades)",
      ),
    settings: forgejoSettings,
    runners: z
      .array(runnerName)
      .default([])
      .describe('Names of runners of jobs in [other machines](ci.md): their `name`'),
    database: remoteDatabase
      .optional()
      .describe('A database in another machine; when absent, the `postgres` of this machine is used'),
  })
  .meta({
    description:
      'Forgejo, which hosts git repositories. Debian does not have it: its executable is a [component](components.md).\n' +
      'It needs `use: postgres` in this machine, or a database in another one: [vm/forgejo](../vm/forgejo/vm.yaml).',
  });

/** Of a machine that is not exposed: this host's own port. */
function exposedAddress(port: number): readonly ServiceSecret[] {
  const own = { kind: 'made', tell: undefined } as const;
  return [
    { name: EXPOSED_ADDRESS.url, ...own, otherwise: `http://127.0.0.1:${port}/` },
    { name: EXPOSED_ADDRESS.host, ...own, otherwise: '127.0.0.1' },
  ];
}

/** Each repository by git's own check (git-fsck(1)). */
const FSCK = `for repository in ${FORGEJO_REPOSITORIES}/*/*.git; do
  [ -d "$repository" ] || continue
  s6-setuidgid ${FORGEJO_USER} git -C "$repository" fsck --full --no-progress
done
`;

/**
 * Forgejo, a software forge. Debian does not have it: its executable is a component. PostgreSQL is reached over the socket, by peer authentication, or in
 * another machine, by password.
 * It runs as `git` with USER and HOME set; otherwise it refuses to start (modules/setting/setting.go).
 */
export const forgejo = defineService(
  options,
  ({ port, sshPort, admin, url, version, settings, runners, database }): Service => ({
    name: 'forgejo',
    needs: database === undefined ? ['postgres'] : [],
    packages: ['ca-certificates', 'curl', 'git', ...(database === undefined ? [] : REMOTE_DATABASE_PACKAGES)],
    components: ['forgejo'],
    ...(version === undefined ? {} : { componentVersions: { forgejo: version } }),
    user: FORGEJO_USER,
    capabilities: [],
    env: {},
    guard: versionGuard(version),
    setup: `${database === undefined ? ensureDatabases([{ role: FORGEJO_USER, database: FORGEJO_DATABASE }]) : awaitDatabase('forgejo', FORGEJO_USER, database)}
# Forgejo wants its data folder to be there. A new name below the repositories, be it an object or a reference, is on the disk before git
# goes on (chattr(1), attribute D; new folders inherit it): git itself syncs files, not folders.
install -d -o ${FORGEJO_USER} -g ${FORGEJO_USER} -m 0750 ${FORGEJO_DATA} ${FORGEJO_REPOSITORIES}
chattr +D ${FORGEJO_REPOSITORIES}
`,
    run: `exec forgejo web --config ${FORGEJO_CONFIG}\n`,
    ready: {
      first: listens(port),
      check: `${GUEST.busybox} wget -q -T 5 -O /dev/null http://127.0.0.1:${port}/api/healthz\n`,
      everyMs: 250,
      withinSeconds: 180,
    },
    afterReady: `${rememberVersion()}${registerRunners(runners)}${ensureAdministrator({
      name: admin,
      port,
      config: FORGEJO_CONFIG,
      passwordFile: `${GUEST.secrets}/forgejo/admin-password`,
    })}`,
    // GRACEFUL_HAMMER_TIME is 15 s.
    stop: { signal: 'TERM', withinSeconds: 30 },
    backup: { verify: FSCK },
    files: [
      {
        path: FORGEJO_CONFIG,
        mode: 0o600,
        owner: FORGEJO_USER,
        content: withAppSettings(
          appIni({ port, sshPort, url: url ?? `http://127.0.0.1:${port}/`, database }),
          settings,
        ),
      },
      ...(database === undefined ? [] : [passwordFile('forgejo', FORGEJO_USER, database)]),
    ],
    ...(url === 'exposed' ? { followsExpose: EXPOSED_ADDRESS } : {}),
    secrets: [
      ...(url === 'exposed' ? exposedAddress(port) : []),
      { name: 'admin-password', kind: 'password', tell: `Forgejo administrator ${admin}` },
      { name: 'secret-key', kind: 'hex', tell: undefined },
      { name: 'internal-token', kind: 'jwt', tell: undefined },
      { name: 'oauth2-jwt-secret', kind: 'key', tell: undefined },
      { name: 'lfs-jwt-secret', kind: 'key', tell: undefined },
      ...runnerSecrets(runners),
      ...settingSecrets(settings),
      ...(database === undefined ? [] : [databaseSecret(database)]),
    ],
    ports: [
      { name: 'web', port, protocol: 'http', hostPort: port },
      { name: 'ssh', port: sshPort, protocol: 'ssh', hostPort: sshPort },
    ],
  }),
);
