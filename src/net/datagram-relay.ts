import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, isIPv6, type Socket } from 'node:net';
import type { Endpoint } from './endpoint.ts';
import { onFrames, sendFrame } from './frames/frame-stream.ts';

export interface RelayOutside {
  /** Datagrams so far. */
  readonly counts: { readonly sent: number; readonly received: number };
  /** That they are sent from. */
  readonly port: number;
  close(): void;
}

/**
 * The end of a relay that reaches the endpoint: what `relayInside` takes in another network namespace goes there, and the answers back. A unix socket joins the
 * two, since a path is the same in every network namespace: neither needs a route to the other, and nothing of the host's network changes.
 */
export async function relayOutside(socketPath: string, to: Endpoint): Promise<RelayOutside> {
  const counts = { sent: 0, received: 0 };
  const udp = createSocket(isIPv6(to.address) ? 'udp6' : 'udp4');
  const server = createServer((inside) => {
    inside.on('error', () => undefined);
    onFrames(inside, (datagram) => {
      counts.sent++;
      udp.send(datagram, to.port, to.address);
    });
    udp.on('message', (datagram) => {
      counts.received++;
      sendFrame(inside, datagram);
    });
  });
  // A port that refuses (ICMP) is seen as no answer.
  udp.on('error', () => undefined);
  await Promise.all([once(server.listen(socketPath), 'listening'), bound(udp, {})]);
  return {
    counts,
    port: udp.address().port,
    close: () => {
      udp.close();
      server.close();
    },
  };
}

/** The end that stands in for the endpoint, on this port of 127.0.0.1; for one client. */
export async function relayInside(socketPath: string, port: number): Promise<void> {
  const outside = connect({ path: socketPath });
  await once(outside, 'connect');
  const udp = createSocket('udp4');
  await bound(udp, { address: '127.0.0.1', port });
  let client: { readonly address: string; readonly port: number } | undefined;
  udp.on('message', (datagram, from) => {
    client = from;
    sendFrame(outside, datagram);
  });
  onFrames(outside, (datagram) => answer(udp, client, datagram));
  endWith(outside, udp);
}

function answer(udp: DatagramSocket, client: Endpoint | undefined, datagram: Uint8Array): void {
  if (client !== undefined) udp.send(datagram, client.port, client.address);
}

function endWith(outside: Socket, udp: DatagramSocket): void {
  outside.once('error', () => undefined);
  outside.once('close', () => udp.close());
}

async function bound(udp: DatagramSocket, at: { readonly address?: string; readonly port?: number }): Promise<void> {
  udp.bind(at);
  await once(udp, 'listening');
}
