import type { Host } from '../host.ts';
import { shellCommands } from './commands.ts';
import { shellFiles } from './files.ts';
import { shellFollow } from './follow.ts';
import { shellLock } from './lock.ts';
import { shellLog } from './log.ts';
import { shellPlace } from './place.ts';
import { shellPush } from './push.ts';
import { PRELUDE } from './scripts/job.ts';
import { type ExplainEnd, type Shell, type ShellProcess, shellOver } from './session/shell.ts';
import { isConnectionLost, shellPool } from './session/shell-pool.ts';

const LOGIN_WITHIN_MS = 30_000;

/** How shells are started on a host, and what their unexpected end means. */
export interface ShellTransport {
  readonly name: string;
  startShell(): ShellProcess;
  readonly explain: ExplainEnd;
  /** A user beside root whose work is believed there. */
  readonly systemUid?: number;
}

/** A host that needs nothing but a POSIX shell, coreutils or busybox, setsid and flock. */
export function shellHost({ name, startShell, explain, systemUid }: ShellTransport): Omit<Host, 'open' | 'address'> {
  const logIn = async (): Promise<Shell> => {
    const shell = shellOver(startShell(), name, explain);
    // Nothing is asked of it before it has answered, so what a dead connection swallows was not begun.
    await shell.run({ title: 'the login', script: `${PRELUDE}finish 0`, withinMs: LOGIN_WITHIN_MS });
    return shell;
  };
  // A connection that is shared may be dying, and nobody knows yet: it lets us in, and ends. The next login makes its own.
  const pool = shellPool(() => logIn().catch((error) => (isConnectionLost(error) ? logIn() : Promise.reject(error))));
  const { execLong, ...commands } = shellCommands(name, pool);
  const place = shellPlace(name, pool);
  return {
    name,
    isHere: false,
    ...place,
    ...commands,
    ...shellFiles(name, pool, place.place, systemUid),
    push: shellPush(name, pool),
    follow: shellFollow(execLong),
    log: shellLog(name, pool),
    lock: shellLock(name, execLong, pool.refuse),
  };
}
