import { randomInt } from 'node:crypto';
import { readAnswer } from './answer.ts';
import { type DialEnd, dialEnd, LONG_ANSWER } from './dial.ts';
import { type Endpoint, endpointText } from './endpoint.ts';
import { type Segment, TCP } from './frames/tcp-segment.ts';
import type { Question } from './question.ts';
import { takeUntil } from './wireguard/take-until.ts';

const RETRY_MS = 1_000;

/** Segments of one connection. */
export interface SegmentLink {
  /** Bytes of data that a segment may hold. */
  readonly largest: number;
  send(segment: Segment): void;
  next(withinMs: number): Promise<Segment | undefined>;
}

/** As much of TCP (RFC 9293) as an answer takes: what gets no answer is sent again each second, what comes out of order is waited for, and a reset is the end. */
export async function fetchAnswer(
  link: SegmentLink,
  { address, port }: Endpoint,
  question: Question,
  started: number,
  withinMs: number,
): Promise<DialEnd> {
  const deadline = started + withinMs;
  const first = randomInt(2 ** 31);
  const syn = { flags: TCP.syn, sequence: first, acknowledgement: 0, data: Buffer.alloc(0) };
  const opened = await exchange(link, syn, deadline, first + 1);
  const where = `dial tcp ${endpointText({ address, port })}`;
  const failed = (result: DialEnd['result'], text: string): DialEnd => ({ result, firstByteMs: undefined, text });
  if (opened === undefined) return failed('timeout', `${where}: timeout after ${withinMs / 1000} s, through WireGuard`);
  if (has(opened.flags, TCP.rst)) return failed('refused', `${where}: connection refused`);
  return converse(link, question, { mine: first + 1, theirs: (opened.sequence + 1) >>> 0 }, started, deadline);
}

/** Where both sides are in their streams. */
interface Places {
  readonly mine: number;
  readonly theirs: number;
}

async function converse(
  link: SegmentLink,
  { protocol, text }: Question,
  { mine, theirs }: Places,
  started: number,
  deadline: number,
): Promise<DialEnd> {
  const asked = Buffer.from(text, 'latin1');
  let taken = 0;
  let next = theirs;
  let said = '';
  let firstByteMs: number | undefined;
  let lastByteMs: number | undefined;
  const since = (): number => Math.round(performance.now() - started);
  const empty = { acknowledgement: 0, data: Buffer.alloc(0) };
  const ask = (): void => {
    for (let at = taken; at < asked.length; at += link.largest) {
      const data = asked.subarray(at, at + link.largest);
      link.send({ flags: TCP.psh | TCP.ack, sequence: (mine + at) >>> 0, acknowledgement: next, data });
    }
  };
  const end = (why: 'whole' | 'ended' | 'late' | 'error', error?: string): DialEnd => {
    const sequence = (mine + asked.length) >>> 0;
    link.send({ ...empty, flags: TCP.rst | TCP.ack, sequence, acknowledgement: next });
    return dialEnd(protocol, said, { why, error: error ?? '', firstByteMs, lastByteMs, tookMs: since() });
  };
  // A server that speaks first is told that its first segment came.
  link.send({ ...empty, flags: TCP.ack, sequence: mine, acknowledgement: next });
  ask();
  while (performance.now() < deadline) {
    const segment = await link.next(Math.min(RETRY_MS, deadline - performance.now()));
    if (segment === undefined) {
      ask();
      continue;
    }
    const { flags, sequence, acknowledgement, data } = segment;
    if (has(flags, TCP.rst)) return said === '' ? end('ended') : end('error', 'by a reset');
    const acknowledged = (acknowledgement - mine) | 0;
    if (has(flags, TCP.ack) && acknowledged > taken && acknowledged <= asked.length) taken = acknowledged;
    if (sequence !== next) {
      if (data.length > 0) {
        link.send({ ...empty, flags: TCP.ack, sequence: (mine + taken) >>> 0, acknowledgement: next });
      }
      continue;
    }
    if (data.length > 0) {
      lastByteMs = since();
      firstByteMs ??= lastByteMs;
      said += data.toString('latin1');
      next = (next + data.length) >>> 0;
      link.send({ ...empty, flags: TCP.ack, sequence: (mine + asked.length) >>> 0, acknowledgement: next });
      if (said.length >= LONG_ANSWER || readAnswer(protocol, said, false)?.is === 'whole') return end('whole');
    }
    if (has(flags, TCP.fin)) return end('ended');
  }
  return end('late');
}

function has(flags: number, flag: number): boolean {
  return (flags & flag) !== 0;
}

/** Sends the first segment, again each second, until it is taken or refused; undefined at the deadline. */
async function exchange(
  link: SegmentLink,
  segment: Segment,
  deadline: number,
  taken: number,
): Promise<Segment | undefined> {
  const isAnswer = ({ flags, acknowledgement }: Segment): boolean =>
    has(flags, TCP.ack) && acknowledgement === taken && (has(flags, TCP.rst) || has(flags, TCP.syn));
  while (performance.now() < deadline) {
    link.send(segment);
    const retry = Math.min(deadline, performance.now() + RETRY_MS);
    const answer = await takeUntil(retry, link.next, (each) => (isAnswer(each) ? each : undefined));
    if (answer !== undefined) return answer;
  }
  return undefined;
}
