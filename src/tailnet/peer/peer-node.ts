import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { poll } from '../../core/deadline.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import type { Host, HostProcess } from '../../host/host.ts';
import { memoryFolder } from '../../host/local/memory-folder.ts';
import { terminate } from '../../host/terminate.ts';
import { dial } from '../../net/dial.ts';
import { freePort } from '../../net/tcp.ts';
import { type Peer, withSignal } from './peer.ts';

/** Where the node's programs are, and which tailnet it joins. */
interface PeerRequest {
  readonly tailscale: string;
  readonly tailscaled: string;
  /** Undefined: Tailscale's own. */
  readonly loginServer: string | undefined;
  readonly authKey: string;
  /** Its name in the tailnet. */
  readonly hostname: string;
}

/**
 * Starts on this computer, which `context` is of, a node that the tailnet forgets when it leaves (`--state=mem:`), by userspace networking and without root,
 * gives it to `work`, logs it out and ends it. The auth key is in a file, 0600, for as long as the login takes. Throws `peer-not-joined`.
 */
export async function withPeerNode<T>(
  request: PeerRequest,
  context: Context,
  work: (peer: Peer) => Promise<T>,
): Promise<T> {
  const folder = await memoryFolder('vmkit-peer-');
  const socket = join(folder, 'tailscaled.sock');
  const socksPort = await freePort();
  let daemon: HostProcess | undefined;
  const tailscale: Peer['tailscale'] = (args, options) =>
    context.host.exec([request.tailscale, `--socket=${socket}`, ...args], withSignal(options, context.signal));
  try {
    daemon = await context.host.start(
      [
        request.tailscaled,
        '--tun=userspace-networking',
        '--state=mem:',
        `--statedir=${folder}`,
        `--socket=${socket}`,
        `--socks5-server=127.0.0.1:${socksPort}`,
        '--port=0',
      ],
      {
        logFile: join(folder, 'log'),
        env: request.loginServer === undefined ? {} : { TS_NO_LOGS_NO_SUPPORT: 'true' },
      },
    );
    const address = await joinTailnet(request, folder, tailscale, context);
    return await work({
      title: `node ${request.hostname}, ${address}`,
      isThisHost: false,
      tailscale,
      dial: (to, asked, withinMs) => dial(to, asked, withinMs, { socksPort }),
    });
  } finally {
    if (daemon !== undefined) await leave(context.host, daemon, tailscale);
    await rm(folder, { recursive: true, force: true });
  }
}

async function joinTailnet(
  request: PeerRequest,
  folder: string,
  tailscale: Peer['tailscale'],
  { host, signal }: Context,
): Promise<string> {
  const keyFile = join(folder, 'key');
  await host.write(keyFile, request.authKey, 0o600);
  const isUp = await poll(
    async () => ((await tailscale(['version', '--daemon'], { withinMs: 5_000 })).exitCode === 0 ? true : undefined),
    { withinMs: 15_000, everyMs: 50, signal },
  );
  const options = [
    `--auth-key=file:${keyFile}`,
    ...(request.loginServer === undefined ? [] : [`--login-server=${request.loginServer}`]),
    `--hostname=${request.hostname}`,
  ];
  const { exitCode, stderr } = await tailscale(
    ['up', ...options, '--accept-routes', '--accept-dns=false', '--timeout=30s'],
    { withinMs: 40_000 },
  );
  await rm(keyFile, { force: true });
  const { stdout } = await tailscale(['ip', '-4'], { withinMs: 5_000 });
  if (isUp === true && exitCode === 0 && stdout.trim() !== '') return stdout.trim();
  throw new VmkitError(
    'unreachable',
    'peer-not-joined',
    `The node that probe starts did not join the tailnet: ${stderr.trim()}`,
    {
      hint: 'Is the auth key valid, and reusable or ephemeral? Is the login server reached from this computer?',
    },
  );
}

async function leave(host: Host, daemon: HostProcess, tailscale: Peer['tailscale']): Promise<void> {
  await tailscale(['logout'], { withinMs: 5_000 }).catch(() => undefined);
  await terminate(daemon, host);
}
