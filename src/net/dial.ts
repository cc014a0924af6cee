import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { SocksClient } from 'socks';
import { messageOf } from '../core/errors/errors.ts';
import { type Answer, firstWords, readAnswer, speakerOf, wantsTls } from './answer.ts';
import { type Endpoint, endpointText } from './endpoint.ts';
import type { Question } from './question.ts';

/** How a dial of a TCP port may end. */
export const DIAL_RESULTS = [
  /** A whole answer of the protocol that was asked in. */
  'data',
  /** An answer began, and was still coming when the time was over. */
  'coming',
  /** An answer began, and its end did not come. */
  'cut',
  /** Bytes that are no answer of this protocol. */
  'foreign',
  /** It took the connection and said nothing. */
  'silent',
  /** It took the connection and ended it. */
  'closed',
  'refused',
  'timeout',
  'failed',
] as const;

/** How a connection to a TCP port ended. */
export interface DialEnd extends Pick<Answer, 'status' | 'location' | 'setsCookie'> {
  readonly result: (typeof DIAL_RESULTS)[number];
  /** Whoever was to dial could not ask in this way at all: it says nothing of the other side. */
  readonly isUnasked?: true;
  /** From the dial to the first byte. */
  readonly firstByteMs: number | undefined;
  /** From the dial to the answer's end; undefined without one. */
  readonly wholeMs?: number | undefined;
  /** Of the answer, as many as came. */
  readonly bytes?: number | undefined;
  /** The first line of the answer, or the error. */
  readonly text: string;
}

/** Whether the other side gave a whole answer. */
export function isAnswered({ result }: Pick<DialEnd, 'result'>): boolean {
  return result === 'data';
}

/** A SOCKS5 server on 127.0.0.1 (RFC 1928), such as tailscaled's. */
export type Socks = { readonly socksPort: number };

/** Somebody else's connection to where the dial goes, such as one that a host behind ssh makes. */
export type Opener = { readonly open: () => Promise<Duplex> };

/** An answer of this length is long enough, whole or not: nobody is measured by downloads. */
export const LONG_ANSWER = 256 * 1024;

/** With `tlsName`, the question is asked inside TLS to the server of that name, whose certificate must be good for it. */
export interface DialRequest extends Question {
  readonly tlsName: string | undefined;
}

/**
 * Dials, asks, and waits for the whole answer, for at most `withinMs` in all. Never throws. `via`: through a SOCKS5 server, or by a host; without it,
 * directly.
 */
export async function dial(
  to: Endpoint,
  request: DialRequest,
  withinMs: number,
  via?: Socks | Opener,
): Promise<DialEnd> {
  const started = performance.now();
  try {
    const socket = await connectVia(to, via, withinMs);
    const { tlsName } = request;
    const wrapped = tlsName === undefined ? socket : connectTls({ socket, servername: tlsName });
    return await answerOf(wrapped, request, started, withinMs);
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

function tooLate(to: Endpoint, withinMs: number): Error {
  return new Error(`dial tcp ${endpointText(to)}: timeout after ${withinMs / 1000} s`);
}

export function connectDirectly({ address, port }: Endpoint, withinMs: number): Promise<Socket> {
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

/**
 * tailscaled's server gives a connection up after 5 s (net/socks5/socks5.go), just when WireGuard says its first message again
 * that the other end may not have understood (REKEY_TIMEOUT): whoever has more time asks once more.
 */
const GIVEN_UP_MS = 4_500;

/** Throws what the SOCKS5 server says. */
export async function connectBySocks(to: Endpoint, socks: Socks, withinMs: number): Promise<Socket> {
  const started = performance.now();
  try {
    return await askSocks(to, socks, withinMs);
  } catch (error) {
    const tookMs = performance.now() - started;
    if (tookMs < GIVEN_UP_MS || withinMs - tookMs < 1_000) throw error;
    return await askSocks(to, socks, withinMs - tookMs);
  }
}

async function askSocks({ address, port }: Endpoint, { socksPort }: Socks, withinMs: number): Promise<Socket> {
  const { socket } = await SocksClient.createConnection({
    proxy: { host: '127.0.0.1', port: socksPort, type: 5 },
    command: 'connect',
    destination: { host: address, port },
    timeout: withinMs,
  });
  return socket;
}

function answerOf(
  socket: Duplex,
  { protocol, text }: DialRequest,
  started: number,
  withinMs: number,
): Promise<DialEnd> {
  return new Promise((resolve) => {
    let said = '';
    let firstByteMs: number | undefined;
    let lastByteMs: number | undefined;
    const since = (): number => Math.round(performance.now() - started);
    const end = (why: 'whole' | 'ended' | 'late' | 'error', error = ''): void => {
      clearTimeout(timer);
      socket.removeAllListeners().on('error', () => undefined);
      socket.destroy();
      resolve(dialEnd(protocol, said, { why, error, firstByteMs, lastByteMs, tookMs: since() }));
    };
    const timer = setTimeout(() => end('late'), Math.max(0, withinMs - since()));
    socket.on('data', (data: Buffer) => {
      lastByteMs = since();
      firstByteMs ??= lastByteMs;
      said += data.toString('latin1');
      if (said.length >= LONG_ANSWER || readAnswer(protocol, said, false)?.is === 'whole') end('whole');
    });
    socket.once('end', () => end('ended'));
    socket.once('error', (error) => end('error', error.message));
    socket.write(text, 'latin1');
    socket.resume();
  });
}

interface Ending {
  /** Whole: nothing more is waited for; late: the time is over. */
  readonly why: 'whole' | 'ended' | 'late' | 'error';
  readonly error?: string;
  readonly firstByteMs: number | undefined;
  /** When the last one came; undefined: that is not known. */
  readonly lastByteMs?: number | undefined;
  readonly tookMs: number;
}

const FOREIGN: Answer = { is: 'foreign' };

/** Whoever pauses for longer is taken to have stopped. */
const PAUSE_MS = 2_500;

/** What came of a connection that was taken, from all that was said on it, in Latin-1. */
export function dialEnd(
  protocol: Question['protocol'],
  said: string,
  { why, error = '', firstByteMs, lastByteMs = firstByteMs, tookMs }: Ending,
): DialEnd {
  if (said === '') {
    if (why === 'error') return { result: resultOf(error), firstByteMs: undefined, text: error };
    return why === 'late'
      ? { result: 'silent', firstByteMs: undefined, text: `connected; no byte came within ${tookMs / 1000} s` }
      : { result: 'closed', firstByteMs: undefined, text: 'connected; the other side ended it at once' };
  }
  const seemsTls = protocol === 'http' && wantsTls(said);
  const answer = seemsTls ? FOREIGN : readAnswer(protocol, said, why === 'ended');
  const isWhole = answer?.is === 'whole' || (said.length >= LONG_ANSWER && answer?.is === 'part');
  const line = firstWords(protocol, said);
  const { status, location, setsCookie } = answer ?? {};
  const seen = { firstByteMs, bytes: said.length, status, location, setsCookie };
  if (isWhole) return { ...seen, result: 'data', wholeMs: tookMs, text: line };
  if (answer?.is === 'foreign')
    return { ...seen, result: 'foreign', text: `no answer in ${protocol}: ${foreignText(said)}` };
  const isComing =
    why === 'late' &&
    firstByteMs !== undefined &&
    lastByteMs !== undefined &&
    isSteady(firstByteMs, lastByteMs, tookMs);
  if (isComing) {
    const rate = rateOf({ firstByteMs, bytes: said.length }, tookMs);
    return {
      ...seen,
      result: 'coming',
      text: `${line}; ${said.length} bytes came in ${tookMs / 1000} s, ${rate}, and more still comes`,
    };
  }
  const how = why === 'late' ? `its end did not come within ${tookMs / 1000} s` : `then it was cut ${error}`.trim();
  return { ...seen, result: 'cut', text: `${line}; ${said.length} bytes came, ${how}` };
}

/** Something came in the middle of the time, and at its end. */
function isSteady(firstByteMs: number, lastByteMs: number, tookMs: number): boolean {
  const pause = Math.min(PAUSE_MS, (tookMs - firstByteMs) / 2);
  return lastByteMs > firstByteMs && tookMs - lastByteMs < pause;
}

/** `12 bytes/s`. */
function rateOf({ firstByteMs = 0, bytes = 0 }: Pick<DialEnd, 'firstByteMs' | 'bytes'>, tookMs: number): string {
  return `${Math.round((bytes * 1000) / Math.max(1, tookMs - firstByteMs))} bytes/s`;
}

/** A protocol of bytes is no text: its name is. */
function foreignText(said: string): string {
  const [line = ''] = said.split(/\r?\n/);
  const what = wantsTls(said) ? 'TLS is wanted (https)' : speakerOf(said);
  const shown = /^[ -~]{4,}$/.test(line) ? line : '';
  return (
    [what, shown].filter((each) => each !== undefined && each !== '').join(': ') ||
    `${said.length} bytes of no known protocol`
  );
}
