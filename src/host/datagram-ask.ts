import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Endpoint } from './datagram-relay.ts';

/** Sends a datagram again and again until an answer comes; the answer, or undefined. Never throws for what the network says. */
export async function askByDatagram(
  to: Endpoint,
  datagram: Uint8Array,
  { tries, everyMs }: { readonly tries: number; readonly everyMs: number },
): Promise<Uint8Array | undefined> {
  const udp = createSocket('udp4');
  let answer: Uint8Array | undefined;
  udp.on('error', () => undefined);
  udp.on('message', (message) => {
    answer ??= message;
  });
  for (let tried = 0; tried < tries && answer === undefined; tried++) {
    udp.send(datagram, to.port, to.address, () => undefined);
    await once(udp, 'message', { signal: AbortSignal.timeout(everyMs) }).catch(() => undefined);
  }
  udp.close();
  return answer;
}

/** This host's own address towards the world, by its routes; 127.0.0.1 without one. Nothing is sent: a UDP socket that is connected only asks for the route (udp(7)). */
export async function ownAddress(): Promise<string> {
  const udp = createSocket('udp4');
  try {
    // TEST-NET-1 (RFC 5737): nobody's.
    udp.connect(9, '192.0.2.1');
    await once(udp, 'connect');
    return udp.address().address;
  } catch {
    return '127.0.0.1';
  } finally {
    udp.close();
  }
}
