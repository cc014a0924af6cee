import { expect, test } from 'vitest';
import { type Segment, TCP } from '../../src/net/frames/tcp-segment.ts';
import { fetchFirstByte } from '../../src/net/tcp-first-byte.ts';

const TO = { address: '10.88.0.1', port: 3000 };
const THEIRS = 2 ** 32 - 1;

/** A server that answers each segment by what `answer` makes of it. */
async function dialWith(answer: (sent: Segment, count: number) => Partial<Segment>[], withinMs = 100) {
  const sent: Segment[] = [];
  const waiting: Segment[] = [];
  const link = {
    send: (segment: Segment) => {
      sent.push(segment);
      const empty = { flags: TCP.ack, sequence: 0, acknowledgement: segment.sequence + 1, data: Buffer.alloc(0) };
      waiting.push(...answer(segment, sent.length).map((each) => ({ ...empty, ...each })));
    },
    next: async (ms: number) => {
      if (waiting.length === 0) await new Promise((resolve) => void setTimeout(resolve, ms));
      return waiting.shift();
    },
  };
  return { end: await fetchFirstByte(link, TO, 'GET /', performance.now(), withinMs), sent };
}

const opens = { flags: TCP.syn | TCP.ack, sequence: THEIRS };
const isSyn = ({ flags }: Segment): boolean => flags === TCP.syn;

test('the first bytes end it, by a reset', async () => {
  const { end, sent } = await dialWith((segment) =>
    isSyn(segment) ? [opens] : [{ sequence: 0 }, { sequence: 0, data: Buffer.from('HTTP/1.0 200 OK\r\nServer: x') }],
  );
  expect(end).toMatchObject({ result: 'data', text: 'HTTP/1.0 200 OK', firstByteMs: expect.any(Number) });
  expect(sent.map(({ flags }) => flags)).toEqual([TCP.syn, TCP.psh | TCP.ack, TCP.rst | TCP.ack]);
  // A sequence number begins anew after 2 ** 32 - 1.
  expect(sent[1]).toMatchObject({ acknowledgement: 0, data: Buffer.from('GET /') });
});

test.each([
  ['refused', () => [{ flags: TCP.rst | TCP.ack }]],
  ['timeout', () => []],
  ['timeout', () => [{ flags: TCP.syn | TCP.ack, acknowledgement: 1 }]],
  ['closed', (segment: Segment) => [isSyn(segment) ? opens : { flags: TCP.fin | TCP.ack, sequence: 0 }]],
  ['closed', (segment: Segment) => [isSyn(segment) ? opens : { flags: TCP.rst }]],
  ['open', (segment: Segment) => (isSyn(segment) ? [opens] : [{ sequence: 99, data: Buffer.from('not the first') }])],
])('%s', async (result, answer) => {
  const { end } = await dialWith(answer);
  expect(end).toMatchObject({ result, firstByteMs: undefined });
});

test('what is lost is sent again', async () => {
  const { end, sent } = await dialWith((_, count) => (count === 2 ? [{ flags: TCP.rst | TCP.ack }] : []), 3_000);
  expect([end.result, sent.length]).toEqual(['refused', 2]);
});
