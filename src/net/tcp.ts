import { createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { VmkitError } from '../core/errors/errors.ts';

/** Opens a connection to the server that is asked. */
export type Dial = () => Promise<Duplex>;

const LOOPBACK = '127.0.0.1';

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  const port = await listenOnce();
  if (port === undefined) throw new VmkitError('host', 'no-free-port', 'There is no free TCP port on 127.0.0.1.');
  return port;
}

function listenOnce(): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port: 0, host: LOOPBACK, exclusive: true }, () => {
      const address = server.address();
      const got = typeof address === 'object' && address !== null ? address.port : undefined;
      server.close(() => resolve(got));
    });
  });
}

/**
 * Whether PostgreSQL answers behind a connection. That a connection opens says nothing: QEMU accepts it before the guest does.
 * So an SSLRequest is sent, which any server answers with one byte, S or N.
 */
export async function postgresAnswers(dial: Dial, withinMs = 2_000): Promise<boolean> {
  const answer = await firstAnswer(dial, withinMs, SSL_REQUEST);
  return answer === 'S' || answer === 'N';
}

/** Whether an ssh server names itself (RFC 4253, section 4.2). */
export async function sshAnswers(dial: Dial, withinMs = 2_000): Promise<boolean> {
  return (await firstAnswer(dial, withinMs)).startsWith('SSH-');
}

/** Whether a connection stays open for a moment: QEMU closes it at once when nobody listens in the guest. */
export async function staysOpen(dial: Dial, forMs = 300): Promise<boolean> {
  return (await firstAnswer(dial, forMs)) !== CLOSED;
}

/** PostgreSQL's documentation, "Message Formats". */
const SSL_REQUEST = '\x00\x00\x00\x08\x04\xd2\x16\x2f';
const CLOSED = 'closed';

/** The first data that a server sends, as Latin-1; '' when it stays silent for that long; CLOSED when there is no connection or it ends. */
async function firstAnswer(dial: Dial, withinMs: number, request = ''): Promise<string> {
  const socket = await dial().catch(() => undefined);
  if (socket === undefined) return CLOSED;
  return new Promise((resolve) => {
    const timer = setTimeout(() => end(''), withinMs);
    const end = (answer: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.write(request, 'latin1');
    socket.once('data', (data) => end(data.toString('latin1')));
    socket.on('error', () => end(CLOSED));
    socket.once('end', () => end(CLOSED));
    socket.once('close', () => end(CLOSED));
  });
}
