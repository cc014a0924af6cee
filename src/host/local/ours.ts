import type { Stats } from 'node:fs';
import { lstat, readFile, readlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isSystemError, VmkitError } from '../../core/errors/errors.ts';

const STICKY = 0o1000;
const MAX_LINKS = 40;

/** What `Host.requireOurs` says, of a file of this machine. */
export async function requireOurs(path: string): Promise<void> {
  const ahead = partsOf(resolve(path));
  let at = '/';
  let links = 0;
  while (ahead.length > 0) {
    const name = ahead.shift() ?? '';
    if (name === '..') {
      at = dirname(at);
      continue;
    }
    const next = join(at, name);
    const found = await lstat(next).catch(nothing);
    if (found === undefined) return;
    const reason = await distrust(found);
    if (reason !== undefined) throw notOurs(path, next, reason);
    if (found.isSymbolicLink()) {
      links += 1;
      if (links > MAX_LINKS) throw notOurs(path, next, 'leads to too many symbolic links');
      const target = await readlink(next);
      if (target.startsWith('/')) at = '/';
      ahead.unshift(...partsOf(target));
    } else at = next;
  }
}

/** Why a file, folder or link may be somebody else's work; undefined when it may not. */
async function distrust(found: Stats): Promise<string | undefined> {
  const own = process.geteuid?.() ?? 0;
  if (found.uid !== own && found.uid !== 0) return `belongs to the user ${found.uid}`;
  if (found.isSymbolicLink() || (found.isDirectory() && (found.mode & STICKY) !== 0)) return undefined;
  if ((found.mode & 0o002) !== 0) return 'may be written by everybody';
  if ((found.mode & 0o020) !== 0 && !(await isPrivateGroup(found.gid, found.uid)))
    return `may be written by the group ${found.gid}`;
  return undefined;
}

/** Many systems give each user a group of his own, and let it write (umask 002). It is told by having no other member, in /etc/passwd and /etc/group. */
async function isPrivateGroup(gid: number, uid: number): Promise<boolean> {
  const [users, groups] = await Promise.all(['/etc/passwd', '/etc/group'].map(readTable));
  const owner = users?.find((fields) => fields[2] === `${uid}`)?.[0];
  const group = groups?.find((fields) => fields[2] === `${gid}`);
  if (owner === undefined || group === undefined) return false;
  const members = (group[3] ?? '').split(',').filter(Boolean);
  const mains = (users ?? []).filter((fields) => fields[3] === `${gid}`).map((fields) => fields[0]);
  return [...members, ...mains].every((name) => name === owner);
}

async function readTable(path: string): Promise<string[][]> {
  return (await readFile(path, 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'));
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** What cannot be looked at cannot be read either: the read says so. */
function nothing(error: unknown): undefined {
  if (['ENOENT', 'ENOTDIR', 'EACCES'].some((code) => isSystemError(error, code))) return undefined;
  throw error;
}

/** `where`: the path or the folder above it that is not ours. */
export function notOurs(path: string, where: string, reason: string): VmkitError {
  const what = where === path ? 'It' : where;
  return new VmkitError('host', 'not-ours', `${path} is not believed: ${what} ${reason}.`, {
    hint:
      'vmkit runs commands and programs from such files, so only you and root may be able to write them: chown and chmod go-w. ' +
      "With sudo, use root's own folders: sudo -H vmkit, without XDG_ variables of yours.",
    details: { path, where, reason },
  });
}
