import type { Context } from '../../host/context.ts';
import { hasServerUser, type ResticTarget } from '../target.ts';
import { passwordFileOf } from './open-repository.ts';

/** The target with the password of its server's user: the one in its URL, else `given`, else the one that opened it before. */
export async function withServerPassword(
  target: ResticTarget,
  given: string | undefined,
  context: Context,
): Promise<ResticTarget> {
  if (!hasServerUser(target)) return target;
  const known = (await context.host.readOurs(keptIn(target, context)))?.trim();
  const serverPassword = target.serverPassword ?? given ?? known;
  return serverPassword === undefined ? target : { ...target, serverPassword };
}

/** Keeps a password that the server took, for the backups to come: in a file of its own (0600). */
export async function keepServerPassword(target: ResticTarget, context: Context): Promise<void> {
  const { serverPassword } = target;
  if (serverPassword !== undefined) await context.host.write(keptIn(target, context), `${serverPassword}\n`, 0o600);
}

function keptIn(target: ResticTarget, context: Context): string {
  return `${passwordFileOf(target, context)}.server`;
}
