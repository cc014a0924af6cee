import { rm } from 'node:fs/promises';
import type { Context } from '../../host/context.ts';
import { memoryFolder } from '../../host/local/memory-folder.ts';
import { dial } from '../../net/dial.ts';
import { freePort } from '../../net/tcp.ts';
import { endNode, logIn, type NodeRequest, startDaemon, tailscaleOf } from '../node/userspace-node.ts';
import type { Peer } from './peer.ts';

/**
 * Starts on this computer, which `context` is of, a node that the tailnet forgets when it leaves (`--state=mem:`), by userspace networking and without root,
 * gives it to `work`, logs it out and ends it. Nothing of it gets onto a disk. Throws `peer-not-joined`.
 */
export async function withPeerNode<T>(
  request: NodeRequest,
  context: Context,
  work: (peer: Peer) => Promise<T>,
): Promise<T> {
  const folder = await memoryFolder('vmkit-peer-');
  const proxyPort = await freePort();
  const place = { folder, state: 'mem:', proxyPort };
  const tailscale = tailscaleOf(request.tailscale, folder, context);
  let end = async (): Promise<void> => undefined;
  try {
    const daemon = await startDaemon(request, place, context);
    end = () => endNode(daemon, tailscale, true, context);
    const address = await logIn(request, place, tailscale, context);
    return await work({
      title: `node ${request.hostname}, ${address}`,
      isThisHost: false,
      tailscale,
      dial: (to, asked, withinMs) => dial(to, asked, withinMs, { socksPort: proxyPort }),
    });
  } finally {
    await end();
    await rm(folder, { recursive: true, force: true });
  }
}
