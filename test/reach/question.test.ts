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

const pgError = (code: string, message: string): string => `E\0\0\0\x60SFATAL\0VFATAL\0C${code}\0M${message}\0\0`;

test('PostgreSQL is told who comes, byte for byte, and what it says is put into words', async () => {
  const { asked, end } = await ask('postgres', ['R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0'], false);
  expect(asked.readUInt32BE(0)).toBe(asked.length);
  expect(asked.readUInt32BE(4)).toBe(0x30000);
  expect(asked.subarray(8).toString().split('\0')).toEqual([
    ...['user', 'vmkit', 'database', 'postgres', 'application_name', 'vmkit probe', '', ''],
  ]);
  expect(end).toMatchObject({ result: 'data', text: 'PostgreSQL asks who comes' });
});

test.each([
  ['53300', 'sorry, too many clients already', 503],
  ['57P03', 'the database system is starting up', 503],
  // It takes others.
  ['28000', 'no pg_hba.conf entry for host "100.64.0.9"', undefined],
])('PostgreSQL: %s', async (code, message, status) => {
  const { end } = await ask('postgres', [pgError(code, message)]);
  expect(end).toMatchObject({ result: 'data', text: `PostgreSQL: ${message} (${code})` });
  expect(end.status).toBe(status);
});

test('an answer that still comes when the time is over is told with its rate', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).write('HTTP/1.0 200 OK\r\n\r\n');
    const timer = setInterval(() => socket.write('x'), 20);
    socket.on('close', () => clearInterval(timer));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const at: AddressInfo | string | null = server.address();
  const to = { address: '127.0.0.1', port: typeof at === 'object' && at !== null ? at.port : 0 };
  const end = await dial(to, { ...questionTo('http', 'x'), tlsName: undefined }, 600);
  await new Promise((resolve) => void server.close(resolve));
  expect(end).toMatchObject({ result: 'coming', text: expect.stringMatching(/\d+ bytes\/s, and more still comes$/) });
});

test('whose words a foreign answer seems to be', async () => {
  const texts = ['\x15\x03\x01\x00\x02\x02\x46', 'SSH-2.0-x\r\n', '\x01\x02\x03'].map((said) => ask('http', [said]));
  expect((await Promise.all(texts)).map(({ end }) => end.text)).toEqual([
    'no answer in http: TLS',
    'no answer in http: ssh: SSH-2.0-x',
    'no answer in http: 3 bytes of no known protocol',
  ]);
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
  ['data', 'http', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n'], false],
  ['data', 'http', ['HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n', `${OK}Content-Length: 2\r\n\r\nok`], false],
  ['data', 'http', ['HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n'], false],
  ['data', 'ssh', ['SSH-2.0-dropbear\r\n'], false],
  ['data', 'ssh', ['Welcome.\r\n', 'SSH-2.0-dropbear\r\n'], false],
  ['cut', 'http', ['HTTP/1.1 100 Continue\r\n\r\n'], true],
  ['cut', 'http', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n'], true],
  ['foreign', 'ssh', ['Exceeded MaxStartups\r\n'], true],
  [
    ...([
      'foreign',
      'http',
      ['HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'],
      true,
    ] as const),
  ],
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
