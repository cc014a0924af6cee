/** Section → key → value. What stands before the first section is `DEFAULT`. */
export type Ini = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** What Forgejo encrypts with where no SECRET_KEY was ever set (modules/setting/security.go; a known weakness that it keeps, so that data stays readable). */
const NEVER_SET = '!#@FDEWREWR&*(';

/** Reads app.ini as far as vmkit asks it: one value a line, quoted or not (custom/conf/app.example.ini). */
export function parseIni(text: string): Ini {
  const sections = new Map<string, Map<string, string>>([['DEFAULT', new Map()]]);
  let keys = sections.get('DEFAULT') ?? new Map<string, string>();
  for (const line of text.split(/\r?\n/).map((each) => each.trim())) {
    if (line === '' || line.startsWith(';') || line.startsWith('#')) continue;
    const [, section] = /^\[(.+)\]$/.exec(line) ?? [];
    if (section !== undefined) {
      keys = sections.get(section) ?? new Map<string, string>();
      sections.set(section, keys);
      continue;
    }
    const [, key, value = ''] = /^([^=:]+?)\s*[=:]\s*(.*)$/.exec(line) ?? [];
    if (key !== undefined) keys.set(key, unquote(value));
  }
  return sections;
}

/** As gopkg.in/ini.v1 does with Forgejo's options: between backquotes or three quotation marks all is the value; else # and ; begin a comment, wherever they stand. */
function unquote(value: string): string {
  const [, backquoted, tripled] = /^(?:`([^`]*)`|"""(.*?)""")/.exec(value) ?? [];
  if (backquoted !== undefined || tripled !== undefined) return backquoted ?? tripled ?? '';
  const bare = value.replace(/[#;].*$/, '').trim();
  return /^(["']).*\1$/.test(bare) && bare.length > 1 ? bare.slice(1, -1) : bare;
}

/**
 * The key that the old server encrypted second factors, secrets of Actions, and passwords of mirrors and sign-in sources with; they are lost without it. `elsewhere`: it
 * is in a file of the old server, which is not in the dump. Undefined: no character of it is kept in app.ini of a machine as it is.
 */
export function secretKeyOf(ini: Ini): string | 'elsewhere' | undefined {
  const security = ini.get('security');
  if ((security?.get('SECRET_KEY_URI') ?? '') !== '') return 'elsewhere';
  const key = security?.get('SECRET_KEY') ?? '';
  if (key === '') return NEVER_SET;
  return /^[\x21-\x5f\x61-\x7e]{1,512}$/.test(key) ? key : undefined;
}

/** Keys that the old server had otherwise than the machine has them, as `SECTION.KEY`, but those that vmkit decides. Without values: some are passwords. */
export function otherSettings(old: Ini, own: Ini, isDecided: (path: string) => boolean): readonly string[] {
  return [...old].flatMap(([section, keys]) =>
    [...keys].flatMap(([key, value]) => {
      const path = `${section}.${key}`;
      return isDecided(path) || own.get(section)?.get(key) === value ? [] : [path];
    }),
  );
}
