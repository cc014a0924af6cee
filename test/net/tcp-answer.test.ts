import { expect, test } from 'vitest';
import { type Segment, TCP } from '../../src/net/frames/tcp-segment.ts';
import { questionTo } from '../../src/net/question.ts';
import { fetchAnswer } from '../../src/net/tcp-answer.ts';

const TO = { address: '10.88.0.1', port: 3000 };
const THEIRS = 2 ** 32 - 1;

/** A server that answers each segment by what `answer` makes of it. */
async function dialWith(answer: (sent: Segment, count: number) => Partial<Segment>[], withinMs = 100) {
  const sent: Segment[] = [];
  const waiting: Segment[] = [];
  const link = {
    largest: 1_000,
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
  return {
    end: await fetchAnswer(link, TO, { ...questionTo('http', 'web'), text: 'GET /' }, performance.now(), withinMs),
    sent,
  };
}

const opens = { flags: TCP.syn | TCP.ack, sequence: THEIRS };
const isSyn = ({ flags }: Segment): boolean => flags === TCP.syn;

const WHOLE = 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('the whole answer ends it, by a reset', async () => {
  const { end, sent } = await dialWith((segment) =>
    isSyn(segment) ? [opens] : (segment.flags & TCP.psh) !== 0 ? [{ sequence: 0, data: Buffer.from(WHOLE) }] : [],
  );
  expect(end).toMatchObject({ result: 'data', text: 'HTTP/1.0 200 OK', status: 200, firstByteMs: expect.any(Number) });
  expect(sent.map(({ flags }) => flags)).toEqual([TCP.syn, TCP.ack, TCP.psh | TCP.ack, TCP.ack, TCP.rst | TCP.ack]);
  // A sequence number begins anew after 2 ** 32 - 1.
  expect(sent[2]).toMatchObject({ acknowledgement: 0, data: Buffer.from('GET /') });
});

test('pieces come in their order, and one that is lost is waited for', async () => {
  const [first, second] = [Buffer.from(WHOLE.slice(0, 20)), Buffer.from(WHOLE.slice(20))];
  let asked = 0;
  const { end } = await dialWith((segment) => {
    if (isSyn(segment)) return [opens];
    if ((segment.flags & TCP.psh) === 0)
      return segment.acknowledgement === 0 && asked === 1
        ? [
            { sequence: 0, data: first },
            { sequence: 20, data: second },
          ]
        : [];
    asked += 1;
    // The second comes alone, and is told again where it belongs.
    return [{ sequence: 20, data: second }];
  }, 2_500);
  expect(end).toMatchObject({ result: 'data', bytes: WHOLE.length });
});

test('an answer without its end is none', async () => {
  const { end } = await dialWith((segment) =>
    isSyn(segment)
      ? [opens]
      : (segment.flags & TCP.psh) !== 0
        ? [{ sequence: 0, data: Buffer.from(WHOLE.slice(0, 30)) }]
        : [],
  );
  expect(end).toMatchObject({ result: 'cut', bytes: 30 });
});

test.each([
  ['refused', () => [{ flags: TCP.rst | TCP.ack }]],
  ['timeout', () => []],
  ['timeout', () => [{ flags: TCP.syn | TCP.ack, acknowledgement: 1 }]],
  ['closed', (segment: Segment) => [isSyn(segment) ? opens : { flags: TCP.fin | TCP.ack, sequence: 0 }]],
  ['closed', (segment: Segment) => [isSyn(segment) ? opens : { flags: TCP.rst }]],
  ['silent', (segment: Segment) => (isSyn(segment) ? [opens] : [{ sequence: 99, data: Buffer.from('not the first') }])],
])('%s', async (result, answer) => {
  const { end } = await dialWith(answer);
  expect(end).toMatchObject({ result, firstByteMs: undefined });
});

test('what is lost is sent again', async () => {
  const { end, sent } = await dialWith((_, count) => (count === 2 ? [{ flags: TCP.rst | TCP.ack }] : []), 3_000);
  expect([end.result, sent.length]).toEqual(['refused', 2]);
});
