import { rm } from 'node:fs/promises';
import type { Context } from '../../host/context.ts';
import { memoryFolder } from '../../host/local/files/memory-folder.ts';
import { dial } from '../../net/dial.ts';
import { freePort } from '../../net/tcp.ts';
import { endNode, logIn, type NodeRequest, startDaemon, tailscaleOf } from '../node/userspace-node.ts';
import type { Peer } from './peer.ts';

/** A node by userspace networking while it is there. */
export interface PassingNode {
  /** In the tailnet. */
  readonly address: string;
  /** Of its SOCKS5 proxy, on 127.0.0.1. */
  readonly socksPort: number;
  /** Of its tailscaled. */
  readonly pid: number;
  readonly tailscale: Peer['tailscale'];
}

/** The same as a peer that ways are tried from. */
export function withPeerNode<T>(request: NodeRequest, context: Context, work: (peer: Peer) => Promise<T>): Promise<T> {
  return withPassingNode(request, context, ({ address, socksPort, tailscale }) =>
    work({
      title: `node ${request.hostname}, ${address}`,
      isThisHost: false,
      tailscale,
      dial: (to, asked, withinMs) => dial(to, asked, withinMs, { socksPort }),
    }),
  );
}

/**
 * Starts on this computer, which `context` is of, a node that the tailnet forgets when it leaves (`--state=mem:`), by userspace networking and without root,
 * gives it to `work`, logs it out and ends it. Nothing of it gets onto a disk. Throws `peer-not-joined`.
 */
export async function withPassingNode<T>(
  request: NodeRequest,
  context: Context,
  work: (node: PassingNode) => Promise<T>,
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
    return await work({ address, socksPort: proxyPort, pid: daemon.pid, tailscale });
  } finally {
    await end();
    await rm(folder, { recursive: true, force: true });
  }
}
