import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isSystemError } from '../core/errors/errors.ts';

export interface LoopbackServer {
  readonly port: number;
  /** Ends its connections, too. */
  close(): void;
}

/** Listens on this port of 127.0.0.1, or on a free one where the port cannot be had. Each side of a connection may end its own half. */
export async function listenOnLoopback(wanted: number, take: (connection: Duplex) => void): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    take(socket);
  });
  const listen = async (port: number): Promise<void> => {
    server.listen({ port, host: '127.0.0.1', exclusive: true });
    await once(server, 'listening');
  };
  try {
    await listen(wanted);
  } catch (error) {
    if (!isSystemError(error, 'EADDRINUSE') && !isSystemError(error, 'EACCES')) throw error;
    await listen(0);
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('A TCP server without a port.');
  return {
    port: address.port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
