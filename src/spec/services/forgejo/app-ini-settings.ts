import * as z from 'zod';
import type { ServiceSecret } from '../../service.ts';
import { expected } from '../../units.ts';
import { refuseOwned, settingValue } from '../settings.ts';

const PLACE = 'vmkit decides where things are in the machine.';
const ADDRESS = 'url: and port: of the service.';
const SECRET = "vmkit makes it, and keeps it with the machine's secrets.";
const STOP = 'vmkit stops it, and starts it again.';
const DATABASE = 'database: of the service, and `use: postgres`.';

/** What vmkit sets, as `SECTION.KEY`, and what a definition says instead. */
export const OWNED: Readonly<Record<string, string>> = {
  'DEFAULT.RUN_USER': PLACE,
  'DEFAULT.RUN_MODE': PLACE,
  'DEFAULT.WORK_PATH': PLACE,
  'server.PROTOCOL': ADDRESS,
  'server.DOMAIN': ADDRESS,
  'server.ROOT_URL': ADDRESS,
  'server.HTTP_ADDR': ADDRESS,
  'server.HTTP_PORT': ADDRESS,
  'server.LOCAL_ROOT_URL': ADDRESS,
  'server.START_SSH_SERVER': 'sshPort: of the service.',
  'server.BUILTIN_SSH_SERVER_USER': PLACE,
  'server.SSH_LISTEN_HOST': 'sshPort: of the service.',
  'server.SSH_LISTEN_PORT': 'sshPort: of the service.',
  'server.SSH_SERVER_HOST_KEYS': PLACE,
  'server.APP_DATA_PATH': PLACE,
  'server.LFS_JWT_SECRET': SECRET,
  'server.ALLOW_GRACEFUL_RESTARTS': STOP,
  'server.GRACEFUL_HAMMER_TIME': STOP,
  'database.DB_TYPE': DATABASE,
  'database.HOST': DATABASE,
  'database.NAME': DATABASE,
  'database.USER': DATABASE,
  'database.PASSWD': DATABASE,
  'database.SSL_MODE': DATABASE,
  'security.INSTALL_LOCK': 'admin: of the service makes the first account.',
  'security.SECRET_KEY': SECRET,
  'security.INTERNAL_TOKEN': SECRET,
  'oauth2.JWT_SECRET': SECRET,
  'repository.ROOT': PLACE,
};

const section = /^(DEFAULT|[a-z][a-z0-9_-]*(\.[A-Za-z0-9_-]+)*)$/;
const valueError = expected('a text without line breaks and `, a number, true or false, or { secret: NAME }');
const secret = z.strictObject({
  secret: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/, 'a name of small letters, digits and -')
    .describe('A secret that you give at the first boot, in VMKIT_NAME of the environment or at the terminal'),
});
const value = z.union([settingValue.refine((text) => !String(text).includes('`'), { error: valueError }), secret], {
  error: valueError,
});

/** `settings:` of `use: forgejo`: sections of app.ini with their keys, but those that are vmkit's. */
export const forgejoSettings = z
  .record(
    z.string().regex(section, 'a section of app.ini in small letters, or DEFAULT'),
    z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]*$/, 'a key of app.ini'), value),
  )
  .check(({ value: sections, issues }) =>
    refuseOwned(
      Object.entries(sections).flatMap(([name, keys]) =>
        Object.keys(keys).map((key): [string[], string] => [[name, key], `${name}.${key}`]),
      ),
      OWNED,
      issues,
    ),
  )
  .default({})
  .describe(
    "Forgejo's own configuration, app.ini, by its sections: `mailer: { ENABLED: true, PASSWD: { secret: mail } }`; what vmkit needs for itself is refused",
  );

export type ForgejoSettings = z.output<typeof forgejoSettings>;

/** app.ini with these in the place of vmkit's own keys, at the end of their sections, or in new ones. Pure. */
export function withAppSettings(ini: string, settings: ForgejoSettings): string {
  const blocks = ini.split(/\n(?=\[)/).map((block) => block.trimEnd());
  const left = new Map(Object.entries(settings));
  const merged = blocks.map((block) => {
    const name = /^\[(.+)\]/.exec(block)?.[1] ?? 'DEFAULT';
    const own = left.get(name);
    left.delete(name);
    return own === undefined ? block : merge(block, own);
  });
  const added = [...left].map(([name, own]) => merge(`[${name}]`, own));
  return `${[...merged, ...added].join('\n\n')}\n`;
}

function merge(block: string, own: ForgejoSettings[string]): string {
  const kept = block.split('\n').filter((line) => !Object.hasOwn(own, line.split(' = ')[0] ?? ''));
  return [...kept, ...Object.entries(own).map(([key, given]) => `${key} = ${quote(given)}`)].join('\n');
}

/** Between backquotes nothing is special (Forgejo, app.example.ini). */
function quote(given: ForgejoSettings[string][string]): string {
  if (typeof given === 'object') return `\`{{secret:${given.secret}}}\``;
  const text = String(given);
  return /^[A-Za-z0-9@:/.,_+-][A-Za-z0-9@:/.,_+ -]*$/.test(text) && !text.endsWith(' ') ? text : `\`${text}\``;
}

/** The secrets that settings name, each once: VMKIT_MAIL for `mail`. */
export function settingSecrets(settings: ForgejoSettings): readonly ServiceSecret[] {
  const names = Object.values(settings).flatMap((keys) =>
    Object.values(keys).flatMap((given) => (typeof given === 'object' ? [given.secret] : [])),
  );
  return [...new Set(names)].map((name) => ({
    name,
    kind: 'password',
    tell: undefined,
    given: {
      variable: `VMKIT_${name.toUpperCase().replaceAll('-', '_')}`,
      title: `${name} of Forgejo`,
      isKept: true,
    },
  }));
}
