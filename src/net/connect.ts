import { connect, type NetConnectOpts, type Socket } from 'node:net';

/** Connects to a port or a unix socket of this machine. Each side may end its own half. */
export function connectTo(to: NetConnectOpts): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const stream = connect({ ...to, allowHalfOpen: true });
    stream.once('error', reject);
    stream.once('connect', () => {
      stream.off('error', reject);
      resolve(stream);
    });
  });
}
