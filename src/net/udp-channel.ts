import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Endpoint } from './endpoint.ts';

/** Datagrams to and from one address and port. */
export interface UdpChannel {
  /** The own port. */
  readonly port: number;
  send(message: Uint8Array): void;
  /** The oldest datagram that was not taken yet; undefined when none comes within these milliseconds. */
  next(withinMs: number): Promise<Buffer | undefined>;
  /** What the network said of a datagram, such as ECONNREFUSED: nobody listens there (ICMP). */
  error(): string | undefined;
  close(): void;
}

const MOST_WAITING = 256;

/** Rejects where there is no way to the address. */
export async function openUdp({ address, port }: Endpoint): Promise<UdpChannel> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const arrived: Buffer[] = [];
  let wake = (): void => undefined;
  let error: string | undefined;
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve();
    });
    socket.connect(port, address);
  });
  socket.on('error', ({ message }) => {
    error = message;
  });
  socket.on('message', (message) => {
    // More is dropped, as on any wire: who sends them may send more than anybody takes.
    if (arrived.length < MOST_WAITING) arrived.push(message);
    wake();
  });
  return {
    port: socket.address().port,
    send: (message) =>
      socket.send(message, (failed) => {
        if (failed !== null) error = failed.message;
      }),
    next: async (withinMs) => {
      if (arrived.length === 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, withinMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      return arrived.shift();
    },
    error: () => error,
    close: () => socket.close(),
  };
}

/** This host's own address on the way to the world; undefined where there is none. Nothing is sent: 192.0.2.1 is for documentation (RFC 5737). */
export async function outboundAddress(): Promise<string | undefined> {
  const socket = createSocket('udp4');
  try {
    return await new Promise((resolve) => {
      socket.once('error', () => resolve(undefined));
      socket.once('connect', () => resolve(socket.address().address));
      socket.connect(9, '192.0.2.1');
    });
  } finally {
    socket.close();
  }
}
