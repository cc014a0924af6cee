import { randomInt } from 'node:crypto';
import type { DialEnd } from './dial.ts';
import type { Endpoint } from './endpoint.ts';
import { type Segment, TCP } from './frames/tcp-segment.ts';
import { takeUntil } from './wireguard/take-until.ts';

const RETRY_MS = 1_000;

/** Segments of one connection. */
export interface SegmentLink {
  send(segment: Segment): void;
  next(withinMs: number): Promise<Segment | undefined>;
}

/** As much of TCP (RFC 9293) as a first byte takes: what gets no answer is sent again each second, and a reset is the end. */
export async function fetchFirstByte(
  link: SegmentLink,
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
  const question = {
    flags: TCP.psh | TCP.ack,
    sequence: first + 1,
    acknowledgement: next,
    data: Buffer.from(request, 'latin1'),
  };
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
  link: SegmentLink,
  segment: Segment,
  withinMs: number,
  isAnswer: (segment: Segment) => boolean,
): Promise<Segment | undefined> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    link.send(segment);
    const retry = Math.min(deadline, performance.now() + RETRY_MS);
    const answer = await takeUntil(retry, link.next, (each) => (isAnswer(each) ? each : undefined));
    if (answer !== undefined) return answer;
  }
  return undefined;
}
