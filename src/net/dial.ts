import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { SocksClient } from 'socks';
import { messageOf } from '../core/errors.ts';
import type { Endpoint } from './endpoint.ts';

/** How a connection to a TCP port ended. */
export interface DialEnd {
  /** data: the server sent something; open: it took the connection and kept it, silent; closed: it took it and ended it. */
  readonly result: 'data' | 'open' | 'closed' | 'refused' | 'timeout' | 'failed';
  /** From the dial to the first byte. */
  readonly firstByteMs: number | undefined;
  /** The first line of the answer, or the error. */
  readonly text: string;
}

/** Whether the other side took the connection, and did not end it. */
export function isAnswered({ result }: Pick<DialEnd, 'result'>): boolean {
  return result === 'data' || result === 'open';
}

/** A SOCKS5 server on 127.0.0.1 (RFC 1928), such as tailscaled's. */
export type Socks = { readonly socksPort: number };

/** Somebody else's connection to where the dial goes, such as one that a host behind ssh makes. */
export type Opener = { readonly open: () => Promise<Duplex> };

/** Waits this long for a server that may be one that lets the client speak first. */
const SILENCE_MS = 1_500;

/** What to send, in Latin-1; with `tlsName`, inside TLS to the server of that name, whose certificate must be good for it. */
export interface DialRequest {
  readonly text: string;
  readonly tlsName: string | undefined;
}

/** Dials, sends the request, and waits for the first byte. Never throws. `via`: through a SOCKS5 server, or by a host; without it, directly. */
export async function dial(
  to: Endpoint,
  request: DialRequest,
  withinMs: number,
  via?: Socks | Opener,
): Promise<DialEnd> {
  const started = performance.now();
  try {
    const socket = await connectVia(to, via, withinMs);
    const { text, tlsName } = request;
    const wrapped = tlsName === undefined ? socket : connectTls({ socket, servername: tlsName });
    return await firstByte(wrapped, text, started, SILENCE_MS + withinMs);
  } catch (error) {
    const text = messageOf(error);
    return { result: resultOf(text), firstByteMs: undefined, text };
  }
}

function resultOf(text: string): DialEnd['result'] {
  if (/ECONNREFUSED|ConnectionRefused|refused/i.test(text)) return 'refused';
  return /timed out|timeout|ETIMEDOUT/i.test(text) ? 'timeout' : 'failed';
}

function connectVia(to: Endpoint, via: Socks | Opener | undefined, withinMs: number): Promise<Duplex> {
  if (via === undefined) return connectDirectly(to, withinMs);
  return 'open' in via ? withinTime(via.open(), to, withinMs) : connectBySocks(to, via, withinMs);
}

/** A connection that comes too late is closed. */
function withinTime(opening: Promise<Duplex>, to: Endpoint, withinMs: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      reject(tooLate(to, withinMs));
    }, withinMs);
    opening
      .then((socket) => (isLate ? void socket.destroy() : resolve(socket)))
      .catch(reject)
      .finally(() => clearTimeout(timer));
  });
}

function tooLate({ address, port }: Endpoint, withinMs: number): Error {
  return new Error(`dial tcp ${address}:${port}: timeout after ${withinMs / 1000} s`);
}

function connectDirectly({ address, port }: Endpoint, withinMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(tooLate({ address, port }, withinMs));
    }, withinMs);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}

async function connectBySocks({ address, port }: Endpoint, { socksPort }: Socks, withinMs: number): Promise<Socket> {
  const { socket } = await SocksClient.createConnection({
    proxy: { host: '127.0.0.1', port: socksPort, type: 5 },
    command: 'connect',
    destination: { host: address, port },
    timeout: withinMs,
  });
  return socket;
}

function firstByte(socket: Duplex, request: string, started: number, withinMs: number): Promise<DialEnd> {
  return new Promise((resolve) => {
    const end = (result: DialEnd['result'], text: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ result, text, firstByteMs: result === 'data' ? Math.round(performance.now() - started) : undefined });
    };
    const timer = setTimeout(() => end('open', 'connected; no byte came'), withinMs);
    socket.on('data', (data: Buffer) => end('data', data.toString('latin1').split(/\r?\n/)[0] ?? ''));
    socket.once('end', () => end('closed', 'connected; the other side ended it at once'));
    socket.once('error', (error) => end(resultOf(error.message), error.message));
    socket.write(request, 'latin1');
    socket.resume();
  });
}
