import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';

/** What a connection through a tailnet is measured by. */
const MEGABYTES = 100;
const ROUND_TRIPS = 15;
const PIECE = Buffer.alloc(1_000_000);

export interface TrafficServer {
  readonly port: number;
  /** The address that the last connection came from, as the service sees it. */
  lastSeen(): string;
  close(): void;
}

export interface Traffic {
  /** Median of 15, dial included. */
  readonly roundTripMs: number;
  /** Of 100 MB to the client by one connection. */
  readonly megabytesPerSecond: number;
}

/** A server that sends 100 MB to who says `get`, and to anybody else what they said. `heard` is told where each connection comes from. */
export async function serveTraffic(
  host: string,
  port: number,
  heard: (from: string) => void = () => undefined,
): Promise<TrafficServer> {
  let last = '';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    last = (socket.remoteAddress ?? '').replace('::ffff:', '');
    heard(last);
    sockets.add(socket.on('error', () => undefined).once('close', () => sockets.delete(socket)));
    socket.once('data', (said) => (String(said) === 'get' ? sendAll(socket) : socket.end(said)));
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address: AddressInfo | string | null = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    lastSeen: () => last,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function sendAll(socket: Socket): void {
  let left = MEGABYTES;
  const more = (): void => {
    while (left > 0) {
      left -= 1;
      if (!socket.write(PIECE)) return void socket.once('drain', more);
    }
    socket.end();
  };
  more();
}

/** Measures a way to such a server. The first connection is not counted: it finds the path. */
export async function measureTraffic(dial: () => Promise<Duplex>): Promise<Traffic> {
  await ask('warm', dial);
  const times: number[] = [];
  for (let at = 0; at < ROUND_TRIPS; at += 1) {
    const begun = performance.now();
    await ask('x', dial);
    times.push(performance.now() - begun);
  }
  const begun = performance.now();
  const bytes = await ask('get', dial);
  if (bytes !== MEGABYTES * PIECE.length) throw new Error(`${bytes} bytes came of ${MEGABYTES} MB`);
  const seconds = (performance.now() - begun) / 1000;
  const median = times.sort((one, other) => one - other)[Math.floor(ROUND_TRIPS / 2)] ?? Number.NaN;
  return { roundTripMs: median, megabytesPerSecond: MEGABYTES / seconds };
}

async function ask(text: string, dial: () => Promise<Duplex>): Promise<number> {
  const connection = await dial();
  let bytes = 0;
  connection.on('data', (piece: Buffer) => {
    bytes += piece.length;
  });
  connection.write(text);
  try {
    await finished(connection, { writable: false, signal: AbortSignal.timeout(120_000) });
  } finally {
    connection.destroy();
  }
  return bytes;
}
