import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { readAnswer } from '../../src/net/answer.ts';
import { type DialEnd, dial } from '../../src/net/dial.ts';
import { FULL_PACKET, questionTo } from '../../src/net/question.ts';

/** Dials a server that says this, piece by piece, and then ends the connection, or not. */
async function ask(
  protocol: 'http' | 'postgres' | 'ssh' | 'tcp',
  says: readonly string[],
  ends = true,
): Promise<{ readonly asked: Buffer; readonly end: DialEnd }> {
  const asked: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined).on('data', (bytes: Buffer) => void asked.push(bytes));
    for (const each of says) socket.write(each, 'latin1');
    if (ends) setTimeout(() => socket.end(), 50);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const at: AddressInfo | string | null = server.address();
  const to = { address: '127.0.0.1', port: typeof at === 'object' && at !== null ? at.port : 0 };
  const end = await dial(to, { ...questionTo(protocol, 'x'), tlsName: undefined }, 400);
  await new Promise((resolve) => void server.close(resolve));
  return { asked: Buffer.concat(asked), end };
}

test('PostgreSQL is sent an SSLRequest, byte for byte, and its one byte is an answer', async () => {
  const { asked, end } = await ask('postgres', ['N'], false);
  expect(asked).toEqual(Buffer.from([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]));
  expect(end).toMatchObject({ result: 'data', text: 'N', bytes: 1 });
});

test('what speaks first, or is not known, is sent nothing; HTTP is asked with more than a packet holds', () => {
  expect(questionTo('ssh', 'x').text).toBe('');
  expect(questionTo('tcp', 'x').text).toBe('');
  const { text } = questionTo('http', 'x');
  expect(text).toContain('Host: x\r\n');
  expect(text.length).toBeGreaterThan(FULL_PACKET);
});

const OK = 'HTTP/1.0 200 OK\r\n';
test.each([
  ['data', 'http', [`${OK}Content-Length: 5\r\n\r\nhello`], false],
  ['data', 'http', [`${OK}Content-Length: 5\r\n\r\n`, 'hello'], false],
  ['data', 'http', [`${OK}\r\nto the end`], true],
  ['data', 'http', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n'], false],
  ['data', 'ssh', ['SSH-2.0-dropbear\r\n'], false],
  // An answer that has begun is not one, and silence is not, whatever is known of the protocol.
  ['cut', 'http', [`${OK}Content-Length: 50\r\n\r\nhello`], true],
  ['cut', 'http', [`${OK}Content-Length: 50\r\n\r\nhello`], false],
  ['cut', 'http', [`${OK}Content-`], true],
  ['foreign', 'http', ['SSH-2.0-dropbear\r\n'], false],
  ['foreign', 'postgres', ['HTTP/1.0 400 Bad Request\r\n\r\n'], true],
  ['silent', 'http', [], false],
  ['silent', 'tcp', [], false],
  ['closed', 'http', [], true],
] as const)('%s: %s, %j', async (result, protocol, says, ends) => {
  const { end } = await ask(protocol, says, ends);
  expect(end.result).toBe(result);
  if (result !== 'data') expect(end.wholeMs).toBeUndefined();
});

test('the status and where it sends one on to', () => {
  expect(
    readAnswer('http', 'HTTP/1.1 302 Found\r\nlocation:  http://localhost:3000/ \r\nContent-Length: 0\r\n\r\n', false),
  ).toEqual({ is: 'whole', status: 302, location: 'http://localhost:3000/' });
  expect(readAnswer('http', '', true)).toBeUndefined();
});
