import { ACK, FIN, RST, SYN, type WirePacket } from './wire.ts';

/** What both ends of a connection said, as an interface of the one that is watched saw it, from its first packet. */
export interface Stream extends Pick<WirePacket, 'link' | 'from' | 'fromPort' | 'to' | 'toPort'> {
  /** Bytes that this end said, each counted once however often it was sent. */
  readonly said: number;
  /** As many of them as the other end says that it has. */
  readonly acknowledged: number;
  /** Of the packets that it does not have, the largest, in bytes of the connection. */
  readonly lost: number;
  /** Bytes that came from the other end, and as many of them as this end's kernel took. */
  readonly asked: number;
  readonly taken: number;
  /** This end said that nothing more follows. */
  readonly isEnded: boolean;
  /** It did so by a reset. */
  readonly isReset: boolean;
  /** The other end did. */
  readonly isRefused: boolean;
}

/** Of connections whose beginning was seen. */
export function streamsOf(packets: readonly WirePacket[]): Stream[] {
  const begun = packets.filter(({ hook, flags }) => hook === 'went' && (flags & SYN) !== 0);
  return begun.flatMap((first, at) => {
    const isOwn = isOf(first);
    if (begun.findIndex(isOwn) !== at) return [];
    const { link, from, fromPort, to, toPort } = first;
    const isOther = isOf({ link, from: to, fromPort: toPort, to: from, toPort: fromPort });
    const own = packets.filter((each) => each.hook === 'went' && isOwn(each));
    const came = packets.filter((each) => each.hook === 'came' && isOther(each));
    const other = came.filter(({ flags }) => (flags & ACK) !== 0);
    // Numbers are modulo 2^32; the beginning takes one.
    const ours = (number: number): number => (number - first.seq - 1) >>> 0;
    const theirs = (number: number): number => (number - first.ack) >>> 0;
    const said = most(bytesUntil(own, ours));
    const acknowledged = Math.min(said, most(other.map(({ ack }) => ours(ack))));
    const asked = most(bytesUntil(other, theirs));
    return [
      {
        ...{ link, from, fromPort, to, toPort, said, acknowledged, asked },
        lost: most(own.filter(({ seq, length }) => ours(seq + length) > acknowledged).map(({ length }) => length)),
        taken: Math.min(asked, most(own.filter(({ flags }) => (flags & ACK) !== 0).map(({ ack }) => theirs(ack)))),
        isEnded: own.some(({ flags }) => (flags & (FIN | RST)) !== 0),
        isReset: own.some(({ flags }) => (flags & RST) !== 0),
        isRefused: came.some(({ flags }) => (flags & RST) !== 0),
      },
    ];
  });
}

type Ends = Pick<WirePacket, 'link' | 'from' | 'fromPort' | 'to' | 'toPort'>;

function isOf(ends: Ends): (packet: Ends) => boolean {
  return ({ link, from, fromPort, to, toPort }) =>
    link === ends.link && from === ends.from && fromPort === ends.fromPort && to === ends.to && toPort === ends.toPort;
}

function bytesUntil(packets: readonly WirePacket[], place: (number: number) => number): number[] {
  return packets.filter(({ length }) => length > 0).map(({ seq, length }) => place(seq + length));
}

/** What is behind 2^31 lies before the beginning. */
function most(numbers: readonly number[]): number {
  return Math.max(0, ...numbers.filter((each) => each < 2 ** 31));
}
