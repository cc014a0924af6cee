import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** What the stand-in of a guest adds to the number of a port. */
const ABOVE = 10_000;

/**
 * A FAKE of vsock, in front of adb's server: `vsock:CID:PORT` becomes `tcp:PORT` of the phone's own 127.0.0.1, 10000 above, as no kernel of a test's computer has a guest on vsock. All else is passed
 * on as it is. Listens on a port of its own; `asked` collects what was dialled.
 */
export async function fakeVsock(serverPort: number): Promise<{ port: number; asked: string[]; close: () => void }> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.pipe(client);
    let requests = Buffer.alloc(0);
    let isPassing = false;
    client.on('end', () => upstream.end());
    client.on('data', (chunk) => {
      if (isPassing) return void upstream.write(chunk);
      requests = Buffer.concat([requests, chunk]);
      while (requests.length >= 4) {
        const length = Number.parseInt(requests.subarray(0, 4).toString(), 16);
        if (requests.length < 4 + length) return;
        const service = requests.subarray(4, 4 + length).toString();
        requests = requests.subarray(4 + length);
        const to = /^vsock:(\d+):(\d+)$/.exec(service);
        if (to !== null) asked.push(service);
        const text = to === null ? service : `tcp:${Number(to[2]) + ABOVE}`;
        upstream.write(Buffer.from(`${Buffer.byteLength(text).toString(16).padStart(4, '0')}${text}`));
        // After the phone is chosen comes one service, and then its stream.
        if (!service.startsWith('host:transport')) isPassing = true;
      }
      if (isPassing && requests.length > 0) upstream.write(requests);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    asked,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
