import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A proxy on loopback that passes nothing more after so many bytes, in both directions together; `stalled` says when that is. */
export async function stallingProxy(
  to: string,
  bytes: number,
): Promise<{ readonly host: string; readonly stalled: Promise<void> }> {
  const [address = '', port = ''] = to.split(':');
  const sockets = new Set<Socket>();
  let passed = 0;
  let stall = (): void => undefined;
  const stalled = new Promise<void>((resolve) => {
    stall = resolve;
  });
  const pass = (from: Socket, into: Socket): void => {
    sockets.add(from);
    from.on('error', () => into.destroy());
    from.on('close', () => into.destroy());
    from.on('data', (piece) => {
      passed += piece.length;
      if (passed <= bytes) return void into.write(piece);
      from.pause();
      return stall();
    });
  };
  const server = createServer((client) => {
    const registry = connect(Number(port), address);
    pass(client, registry);
    pass(registry, client);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('No port.');
  return { host: `127.0.0.1:${bound.port}`, stalled };
}
