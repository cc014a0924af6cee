import { join } from 'node:path';
import { poll } from '../../core/deadline.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import type { HostProcess } from '../../host/host.ts';
import { terminate } from '../../host/terminate.ts';
import { type Peer, withSignal } from '../peer/peer.ts';

/** A node by userspace networking, without root. */
export interface NodeRequest {
  readonly tailscale: string;
  readonly tailscaled: string;
  /** Undefined: Tailscale's own. */
  readonly loginServer: string | undefined;
  /** Undefined: its state knows who it is. */
  readonly authKey: string | undefined;
  /** Its name in the tailnet. */
  readonly hostname: string;
}

export interface NodePlace {
  /** Its own, 0700: the socket, the log, and for a moment the key. */
  readonly folder: string;
  /** A file, or `mem:`: the tailnet forgets such a node when it leaves. */
  readonly state: string;
  /** Of its proxy, SOCKS5 and HTTP, on 127.0.0.1. */
  readonly proxyPort: number;
}

type Tailscale = Peer['tailscale'];

/** The socket of such a node. */
export function socketIn(folder: string): string {
  return join(folder, 'tailscaled.sock');
}

/** Runs the `tailscale` of a node, whose socket is in this folder. */
export function tailscaleOf(program: string, folder: string, { host, signal }: Context): Tailscale {
  return (args, options) => host.exec([program, `--socket=${socketIn(folder)}`, ...args], withSignal(options, signal));
}

/** Its tailscaled. Pure. */
export function daemonArgv(tailscaled: string, { folder, state }: Pick<NodePlace, 'folder' | 'state'>): string[] {
  return [
    tailscaled,
    '--tun=userspace-networking',
    `--state=${state}`,
    `--statedir=${folder}`,
    `--socket=${socketIn(folder)}`,
    '--port=0',
  ];
}

/** Starts its tailscaled, which lives on. */
export function startDaemon(
  { tailscaled, loginServer }: NodeRequest,
  { proxyPort, ...place }: NodePlace,
  { host }: Context,
): Promise<HostProcess> {
  const { folder } = place;
  const proxy = [
    // One port takes both: tailscaled tells them apart by the first byte.
    `--socks5-server=127.0.0.1:${proxyPort}`,
    `--outbound-http-proxy-listen=127.0.0.1:${proxyPort}`,
  ];
  return host.start([...daemonArgv(tailscaled, place), ...proxy], {
    logFile: join(folder, 'log'),
    // A tailnet of one's own owes Tailscale's log server nothing.
    env: loginServer === undefined ? {} : { TS_NO_LOGS_NO_SUPPORT: 'true' },
  });
}

/** Logs it in, and returns its address. The key is in a file, 0600, for as long as that takes. Throws `peer-not-joined`. */
export async function logIn(
  { authKey, loginServer, hostname }: Pick<NodeRequest, 'authKey' | 'loginServer' | 'hostname'>,
  { folder }: Pick<NodePlace, 'folder'>,
  tailscale: Tailscale,
  { host, signal }: Context,
): Promise<string> {
  const keyFile = join(folder, 'key');
  if (authKey !== undefined) await host.write(keyFile, authKey, 0o600);
  const isUp = await poll(
    async () => ((await tailscale(['version', '--daemon'], { withinMs: 5_000 })).exitCode === 0 ? true : undefined),
    { withinMs: 15_000, everyMs: 50, signal },
  );
  const options = [
    ...(authKey === undefined ? [] : [`--auth-key=file:${keyFile}`]),
    ...(loginServer === undefined ? [] : [`--login-server=${loginServer}`]),
    `--hostname=${hostname}`,
  ];
  try {
    const { exitCode, stderr } = await tailscale(
      ['up', ...options, '--accept-routes', '--accept-dns=false', '--timeout=30s'],
      { withinMs: 40_000 },
    );
    const { stdout } = await tailscale(['ip', '-4'], { withinMs: 5_000 });
    if (isUp === true && exitCode === 0 && stdout.trim() !== '') return stdout.trim();
    throw notJoined(stderr.trim());
  } finally {
    await host.remove(keyFile);
  }
}

/** Ends it. With `isForgotten` it is logged out first: a tailnet removes a node that is ephemeral then. */
export async function endNode(
  daemon: HostProcess,
  tailscale: Tailscale,
  isForgotten: boolean,
  { host }: Pick<Context, 'host'>,
): Promise<void> {
  if (isForgotten) await tailscale(['logout'], { withinMs: 5_000 }).catch(() => undefined);
  await terminate(daemon, host);
}

function notJoined(said: string): VmkitError {
  return new VmkitError(
    'unreachable',
    'peer-not-joined',
    `The node that vmkit starts did not join the tailnet: ${said}`,
    {
      hint: 'Is the auth key valid, and reusable or ephemeral? Is the login server reached from this computer?',
    },
  );
}
