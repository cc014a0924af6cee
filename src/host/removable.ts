import { normalize } from 'node:path/posix';
import { VmkitError } from '../core/errors/errors.ts';

/** Throws `remove-refused` for what cannot be meant: a path that is not whole, a folder right below the root, a home folder or what is above it. */
export function requireRemovable(path: string, home: string): void {
  const isWhole = path.startsWith('/') && normalize(path) === path && !path.endsWith('/') && !path.includes('\0');
  const isDeep = path.split('/').length > 2;
  const holdsHome = `${home}/`.startsWith(`${path}/`);
  if (isWhole && isDeep && !holdsHome) return;
  throw new VmkitError(
    'host',
    'remove-refused',
    `${JSON.stringify(path)} is not removed: it is no whole path, or far too much.`,
    {
      hint: 'Is HOME or one of the XDG variables empty or wrong?',
    },
  );
}
