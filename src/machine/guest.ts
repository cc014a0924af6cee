import { machinePaths } from '../core/paths.ts';
import type { SshAddress } from '../guest/ssh/connect.ts';
import { type GuestHost, guestHost } from '../guest/ssh/guest-host.ts';
import type { Context } from '../host/context.ts';
import { ensureSshKeys } from '../secrets/ssh-keys.ts';
import { endpointOf, sshPortOf } from './endpoint.ts';
import { requireGoing } from './held.ts';
import { requireRunning } from './state/running.ts';

/** Where a running machine is reached, and with which keys. Throws `machine-off`, `machine-paused`, `disk-full`. */
export async function guestAddress(name: string, context: Pick<Context, 'host' | 'paths'>): Promise<SshAddress> {
  const paths = machinePaths(context.paths, name);
  const state = await requireRunning(name, context);
  await requireGoing(state, paths, context.host);
  const { clientKey, hostPublicKey } = await ensureSshKeys(paths.secretsDir, context.host);
  return {
    name,
    to: await endpointOf(state, sshPortOf(state), context),
    host: context.host,
    line: paths.loginLine,
    clientKey,
    hostPublicKey,
  };
}

/** Logs in to a running machine, gives it to `work` as a host, and closes the connection. */
export async function withGuest<T>(
  name: string,
  context: Context,
  work: (guest: GuestHost) => Promise<T>,
  withinMs = 10_000,
): Promise<T> {
  const guest = await guestHost(await guestAddress(name, context), { withinMs, signal: context.signal });
  try {
    return await work(guest);
  } finally {
    guest.close();
  }
}
