import { isAbsolute, resolve } from 'node:path';
import { VmkitError } from '../core/errors/errors.ts';

/** Where backups go. */
export type Target =
  | { readonly kind: 'restic'; readonly url: string; readonly sshHost?: SshServer }
  /** One file, not encrypted. */
  | { readonly kind: 'archive'; readonly url: string };

export interface SshServer {
  readonly destination: string;
  readonly port: string | undefined;
}

const ARCHIVE = '.tar.zst';

/** `FOLDER`, `sftp://[USER@]HOST[:PORT]/FOLDER`, `rest:https://…`, or a file that ends in `.tar.zst`. A relative path counts from `cwd`. Throws `bad-usage`. */
export function parseTarget(text: string, cwd: string): Target {
  if (text.startsWith('rest:')) {
    if (/^rest:https?:\/\/[^\s/]+/.test(text)) return { kind: 'restic', url: text };
    throw unreadable(text, 'rest:https://HOST/NAME/');
  }
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

/** For people: without the password that the URL of a server may hold. */
export function shownTarget({ url }: Pick<Target, 'url'>): string {
  return url.replace(/(\/\/[^/@:]*):[^/@]*@/, '$1:***@');
}

function unreadable(text: string, expected: string): VmkitError {
  return new VmkitError(
    'usage',
    'bad-usage',
    `${shownTarget({ url: text })} is no place for backups that vmkit knows.`,
    {
      hint: `Expected: ${expected}`,
    },
  );
}
