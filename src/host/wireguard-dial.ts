import { randomInt } from 'node:crypto';
import { messageOf } from '../core/errors.ts';
import type { DialEnd } from './dial.ts';
import { decodeSegment, type Endpoint, encodeSegment, type Segment, TCP } from './tcp-segment.ts';
import { openUdp, type UdpChannel } from './udp-channel.ts';
import {
  beginHandshake,
  finishHandshake,
  openPacket,
  type Session,
  sealPacket,
  type WireguardKeys,
} from './wireguard-handshake.ts';

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
  /** What the network said, where there was no answer. */
  readonly error: string | undefined;
  /** The dial within the tunnel; undefined without a handshake. */
  readonly end: DialEnd | undefined;
}

/** As long as a guest without KVM takes at most for the arithmetic of one handshake, with much to spare. */
const HANDSHAKE_RETRY_MS = 2_000;
const HANDSHAKE_MS = 7_000;
const SEGMENT_RETRY_MS = 1_000;

/**
 * Dials a TCP port through WireGuard, sends the request and waits for the first byte, as `dial` does. In user space, without root: one handshake, one
 * connection, nothing else of either protocol. Never throws.
 */
export async function dialByWireguard(
  { endpoint, keys, address, mtu }: WireguardClientConfig,
  to: Endpoint,
  request: string,
  withinMs: number,
): Promise<WireguardDialEnd> {
  const started = performance.now();
  let channel: UdpChannel | undefined;
  try {
    channel = await openUdp(endpoint);
    const session = await shakeHands(channel, keys);
    if (session === undefined) return { handshakeMs: undefined, error: channel.error(), end: undefined };
    const handshakeMs = Math.round(performance.now() - started);
    const from = { address, port: randomInt(32_768, 60_999) };
    const link = tunnel(channel, session, from, to, mtu);
    return { handshakeMs, error: undefined, end: await fetchFirstByte(link, to, request, started, withinMs) };
  } catch (error) {
    return { handshakeMs: undefined, error: messageOf(error), end: undefined };
  } finally {
    channel?.close();
  }
}

async function shakeHands(channel: UdpChannel, keys: WireguardKeys): Promise<Session | undefined> {
  const deadline = performance.now() + HANDSHAKE_MS;
  while (performance.now() < deadline) {
    const initiation = beginHandshake(keys, Date.now());
    channel.send(initiation.message);
    const session = await until(performance.now() + HANDSHAKE_RETRY_MS, channel.next, (answer) =>
      finishHandshake(initiation, answer),
    );
    if (session !== undefined) return session;
  }
  return undefined;
}

/** Segments of one connection, through the tunnel. */
interface Link {
  send(segment: Segment): void;
  next(withinMs: number): Promise<Segment | undefined>;
}

function tunnel(channel: UdpChannel, session: Session, from: Endpoint, to: Endpoint, mtu: number): Link {
  let counter = 0n;
  return {
    send: (segment) => channel.send(sealPacket(session, counter++, encodeSegment(from, to, segment, mtu))),
    next: (withinMs) =>
      until(performance.now() + withinMs, channel.next, (message) => {
        const packet = openPacket(session, message);
        return packet === undefined ? undefined : decodeSegment(packet, to, from);
      }),
  };
}

/** As much of TCP (RFC 9293) as a first byte takes: what gets no answer is sent again each second, and a reset is the end. */
async function fetchFirstByte(
  link: Link,
  { address, port }: Endpoint,
  request: string,
  started: number,
  withinMs: number,
): Promise<DialEnd> {
  const first = randomInt(2 ** 31);
  const syn = { flags: TCP.syn, sequence: first, acknowledgement: 0, data: Buffer.alloc(0) };
  const opened = await exchange(
    link,
    syn,
    withinMs,
    ({ flags, acknowledgement }) =>
      has(flags, TCP.ack) && acknowledgement === first + 1 && (has(flags, TCP.rst) || has(flags, TCP.syn)),
  );
  const failed = (result: DialEnd['result'], text: string): DialEnd => ({ result, firstByteMs: undefined, text });
  const where = `dial tcp ${address}:${port}`;
  if (opened === undefined) return failed('timeout', `${where}: timeout after ${withinMs / 1000} s, through WireGuard`);
  if (has(opened.flags, TCP.rst)) return failed('refused', `${where}: connection refused`);

  const next = (opened.sequence + 1) >>> 0;
  const question = { flags: TCP.psh | TCP.ack, sequence: first + 1, acknowledgement: next, data: Buffer.from(request) };
  const answer = await exchange(
    link,
    question,
    withinMs,
    ({ flags, sequence, data }) =>
      has(flags, TCP.rst) || (sequence === next && (data.length > 0 || has(flags, TCP.fin))),
  );
  const firstByteMs = Math.round(performance.now() - started);
  const after = first + 1 + question.data.length;
  link.send({ flags: TCP.rst | TCP.ack, sequence: after, acknowledgement: next, data: Buffer.alloc(0) });
  if (answer === undefined) return failed('open', 'connected; no byte came');
  if (answer.data.length === 0) return failed('closed', 'connected; the other side ended it at once');
  return { result: 'data', firstByteMs, text: answer.data.toString('latin1').split(/\r?\n/)[0] ?? '' };
}

function has(flags: number, flag: number): boolean {
  return (flags & flag) !== 0;
}

/** Sends a segment, again each second, until an answer is the one that is waited for; undefined at the deadline. */
async function exchange(
  link: Link,
  segment: Segment,
  withinMs: number,
  isAnswer: (segment: Segment) => boolean,
): Promise<Segment | undefined> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    link.send(segment);
    const retry = Math.min(deadline, performance.now() + SEGMENT_RETRY_MS);
    const answer = await until(retry, link.next, (each) => (isAnswer(each) ? each : undefined));
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** Takes what comes until `accept` makes something of it; undefined at the deadline. */
async function until<In, Out>(
  deadline: number,
  next: (withinMs: number) => Promise<In | undefined>,
  accept: (each: In) => Out | undefined,
): Promise<Out | undefined> {
  for (;;) {
    const left = deadline - performance.now();
    const each = left > 0 ? await next(left) : undefined;
    if (each === undefined) return undefined;
    const accepted = accept(each);
    if (accepted !== undefined) return accepted;
  }
}
