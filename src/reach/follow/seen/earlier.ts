import { SYN, type WirePacket } from './wire.ts';

type Ends = Pick<WirePacket, 'from' | 'fromPort' | 'to' | 'toPort'>;

/**
 * Tells the connections that were there before the watch, and on which nothing was asked since: an answer that comes late to somebody else's question is not an
 * answer to what is watched. One that stays open and is asked again belongs to what is watched: serve keeps its connections to a backend.
 */
export function earlierThan(packets: readonly WirePacket[], ports: readonly number[]): (ends: Ends) => boolean {
  const seen = new Set<string>();
  const asked = new Set<string>();
  for (const packet of packets) {
    seen.add(connectionOf(packet));
    const begins = (packet.flags & SYN) !== 0;
    if (begins || (packet.length > 0 && ports.includes(packet.toPort))) asked.add(connectionOf(packet));
  }
  return (ends) => seen.has(connectionOf(ends)) && !asked.has(connectionOf(ends));
}

/** The same for both directions. */
function connectionOf({ from, fromPort, to, toPort }: Ends): string {
  return [`${from} ${fromPort}`, `${to} ${toPort}`].sort().join(' ');
}
