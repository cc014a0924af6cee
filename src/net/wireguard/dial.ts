import { randomInt } from 'node:crypto';
import { messageOf } from '../../core/errors/errors.ts';
import type { DialEnd } from '../dial.ts';
import type { Endpoint } from '../endpoint.ts';
import { decodeSegment, encodeSegment } from '../frames/tcp-segment.ts';
import type { Question } from '../question.ts';
import { fetchAnswer, type SegmentLink } from '../tcp-answer.ts';
import { openUdp, type UdpChannel } from '../udp-channel.ts';
import {
  beginHandshake,
  finishHandshake,
  openPacket,
  type Session,
  sealPacket,
  type WireguardKeys,
} from './handshake.ts';
import { takeUntil } from './take-until.ts';

/** A client's side of a tunnel. */
export interface WireguardClientConfig {
  /** Where the other side takes UDP. */
  readonly endpoint: Endpoint;
  readonly keys: WireguardKeys;
  /** The client's, in the tunnel. */
  readonly address: string;
  readonly mtu: number;
}

export interface WireguardDialEnd {
  /** Until the other side answered the handshake; undefined: it did not. */
  readonly handshakeMs: number | undefined;
  /** The UDP port that its datagrams were sent from; undefined: none was. */
  readonly sentFrom: number | undefined;
  /** What the network said, where there was no answer. */
  readonly error: string | undefined;
  /** The dial within the tunnel; undefined without a handshake. */
  readonly end: DialEnd | undefined;
}

/** As long as a guest without KVM takes at most for the arithmetic of one handshake, with much to spare. */
const HANDSHAKE_RETRY_MS = 2_000;
const HANDSHAKE_MS = 4_000;
/** Of IPv4 and TCP, in bytes. */
const HEADERS = 40;

/**
 * Dials a TCP port through WireGuard, asks, and waits for the whole answer, as `dial` does. In user space, without root: one handshake, one
 * connection, nothing else of either protocol. Never throws.
 */
export async function dialByWireguard(
  { endpoint, keys, address, mtu }: WireguardClientConfig,
  to: Endpoint,
  question: Question,
  withinMs: number,
): Promise<WireguardDialEnd> {
  const started = performance.now();
  let channel: UdpChannel | undefined;
  try {
    channel = await openUdp(endpoint);
    const session = await shakeHands(channel, keys);
    const sentFrom = channel.port;
    if (session === undefined) return { handshakeMs: undefined, sentFrom, error: channel.error(), end: undefined };
    const handshakeMs = Math.round(performance.now() - started);
    const from = { address, port: randomInt(32_768, 60_999) };
    const link = tunnel(channel, session, from, to, mtu);
    return {
      handshakeMs,
      sentFrom,
      error: undefined,
      end: await fetchAnswer(link, to, question, performance.now(), withinMs),
    };
  } catch (error) {
    return { handshakeMs: undefined, sentFrom: channel?.port, error: messageOf(error), end: undefined };
  } finally {
    channel?.close();
  }
}

async function shakeHands(channel: UdpChannel, keys: WireguardKeys): Promise<Session | undefined> {
  const deadline = performance.now() + HANDSHAKE_MS;
  while (performance.now() < deadline) {
    const initiation = beginHandshake(keys, Date.now());
    channel.send(initiation.message);
    const session = await takeUntil(performance.now() + HANDSHAKE_RETRY_MS, channel.next, (answer) =>
      finishHandshake(initiation, answer),
    );
    if (session !== undefined) return session;
  }
  return undefined;
}

function tunnel(channel: UdpChannel, session: Session, from: Endpoint, to: Endpoint, mtu: number): SegmentLink {
  let counter = 0n;
  return {
    largest: mtu - HEADERS,
    send: (segment) => channel.send(sealPacket(session, counter++, encodeSegment(from, to, segment, mtu))),
    next: (withinMs) =>
      takeUntil(performance.now() + withinMs, channel.next, (message) => {
        const packet = openPacket(session, message);
        return packet === undefined ? undefined : decodeSegment(packet, to, from);
      }),
  };
}
