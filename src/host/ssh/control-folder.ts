import { lstatSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { makeFolders } from '../local/files/make-folders.ts';

/**
 * The longest folder for our sockets: struct sockaddr_un has 108 bytes (unix(7)), the name is 40 characters (`%C`), and ssh adds 17 while it makes it.
 */
const MAX_FOLDER = 108 - 1 - 1 - 40 - 17;

/** A folder for the sockets of ssh connections that only this user can enter: whoever can open such a socket is logged in. */
export function controlFolder(env: NodeJS.ProcessEnv = process.env, uid = process.getuid?.() ?? 0): string {
  const runtime = env['XDG_RUNTIME_DIR'] ?? '';
  const wanted = join(runtime, 'vmkit-ssh');
  // Another user may have made a folder of that name in /tmp: what is there is looked at.
  const folder = isAbsolute(runtime) && wanted.length <= MAX_FOLDER ? wanted : join(tmpdir(), `vmkit-ssh-${uid}`);
  makeFolders(folder, 0o700);
  const found = lstatSync(folder);
  if (found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0) return folder;
  throw new VmkitError(
    'host',
    'ssh-folder-unsafe',
    `${folder} is not a folder that only you can enter; no connection is kept there.`,
    {
      hint: 'Remove it, or set XDG_RUNTIME_DIR to a folder of your own.',
    },
  );
}
