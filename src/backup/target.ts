import { isAbsolute, resolve } from 'node:path';
import { VmkitError } from '../core/errors/errors.ts';

/** A repository of restic. */
export interface ResticTarget {
  readonly kind: 'restic';
  /** For people and files, too: without the password of a server's user. */
  readonly url: string;
  readonly sshHost?: SshServer;
  readonly serverPassword?: string;
}

/** Where backups go. */
export type Target =
  | ResticTarget
  /** One file, not encrypted. */
  | { readonly kind: 'archive'; readonly url: string };

export interface SshServer {
  readonly destination: string;
  readonly port: string | undefined;
}

const ARCHIVE = '.tar.zst';

/** `FOLDER`, `sftp://[USER@]HOST[:PORT]/FOLDER`, `rest:https://[USER[:PASSWORD]@]HOST/…`, or a file that ends in `.tar.zst`. A relative path counts from `cwd`. Throws `bad-usage`. */
export function parseTarget(text: string, cwd: string): Target {
  if (text.startsWith('rest:')) return parseServer(text);
  if (text.startsWith('sftp:')) {
    const [, user = '', host = '', port] = /^sftp:\/\/(?:([\w.-]+)@)?([\w.-]+)(?::(\d{1,5}))?\/.+$/.exec(text) ?? [];
    if (host === '' || host.startsWith('-') || user.startsWith('-')) {
      throw unreadable(
        text,
        'sftp://USER@HOST/FOLDER, a folder below the home; with // before it one of the whole computer',
      );
    }
    return { kind: 'restic', url: text, sshHost: { destination: user === '' ? host : `${user}@${host}`, port } };
  }
  if (/^[a-z0-9+]+:/i.test(text) || text === '') throw unreadable(text, 'a folder, sftp://… or rest:…');
  const path = isAbsolute(text) ? resolve(text) : resolve(cwd, text);
  return { kind: path.endsWith(ARCHIVE) ? 'archive' : 'restic', url: path };
}

function parseServer(text: string): Target {
  const address = text.slice('rest:'.length);
  const url = /^https?:\/\/[^\s/]+/.test(address) && URL.canParse(address) ? new URL(address) : undefined;
  const serverPassword = url === undefined ? undefined : decoded(url.password);
  if (url === undefined || serverPassword === undefined || (serverPassword !== '' && url.username === '')) {
    throw unreadable(text, 'rest:https://[USER@]HOST/NAME/, the password of USER in VMKIT_REST_PASSWORD');
  }
  url.password = '';
  return { kind: 'restic', url: `rest:${url.href}`, ...(serverPassword === '' ? {} : { serverPassword }) };
}

/** Undefined where a `%` encodes nothing. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Whether a server asks for the password of a user. */
export function hasServerUser({ url }: Pick<Target, 'url'>): boolean {
  return url.startsWith('rest:') && new URL(url.slice('rest:'.length)).username !== '';
}

/** What restic is told. It may hold a password. */
export function fullUrl({ url, serverPassword }: ResticTarget): string {
  if (serverPassword === undefined) return url;
  const full = new URL(url.slice('rest:'.length));
  full.password = encodeURIComponent(serverPassword);
  return `rest:${full.href}`;
}

function unreadable(text: string, expected: string): VmkitError {
  return new VmkitError(
    'usage',
    'bad-usage',
    `${text.replace(/\/\/.*@/, '//***@')} is no place for backups that vmkit knows.`,
    {
      hint: `Expected: ${expected}`,
    },
  );
}
