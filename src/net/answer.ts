import type { Protocol } from '../core/protocol.ts';

/** What is known of the bytes that a server answered. */
export interface Answer {
  /** Whole: to its end. Part: it began. Foreign: another protocol than the one that was asked in. */
  readonly is: 'whole' | 'part' | 'foreign';
  /** Of HTTP; a PostgreSQL that takes nobody now has 503. */
  readonly status?: number | undefined;
  /** Where HTTP sends one on to. */
  readonly location?: string | undefined;
  readonly setsCookie?: boolean | undefined;
}

/** Reads what came so far, in Latin-1. `hasEnded`: the server has ended the connection. Undefined: nothing can be told yet. */
export function readAnswer(protocol: Protocol, text: string, hasEnded: boolean): Answer | undefined {
  if (text === '') return undefined;
  switch (protocol) {
    case 'http':
      return readHttp(text, hasEnded);
    case 'postgres':
      // R asks for a password; an error message is an answer, too: nobody there has this name. S and N answer an SSLRequest.
      return { is: /^[RSNE]/.test(text) ? 'whole' : 'foreign', ...(TAKES_NOBODY.test(text) ? { status: 503 } : {}) };
    case 'ssh':
      return readBanner(text, hasEnded);
    default:
      return { is: 'whole' };
  }
}

/** SQLSTATE of class 53 (insufficient resources: too many connections) and 57 (starting up, shutting down). */
const TAKES_NOBODY = /^E.*\0C(53|57)\w{3}\0/s;

/** RFC 4253, section 4.2: lines may come before it. */
function readBanner(text: string, hasEnded: boolean): Answer | undefined {
  if (/^SSH-[^\r\n]+\r?\n/m.test(text)) return { is: 'whole' };
  return hasEnded || text.length > 8_192 ? { is: 'foreign' } : { is: 'part' };
}

/** RFC 9112: its length says where a body ends, else the last chunk, else the end of the connection. */
function readHttp(text: string, hasEnded: boolean): Answer {
  const start = 'HTTP/1.';
  if (!text.startsWith(start.slice(0, text.length))) return { is: 'foreign' };
  const headEnd = /\r?\n\r?\n/.exec(text);
  if (headEnd === null) return { is: hasEnded && !text.startsWith(start) ? 'foreign' : 'part' };
  const head = text.slice(0, headEnd.index);
  const body = text.slice(headEnd.index + headEnd[0].length);
  // 100 Continue, 103 Early Hints: the answer follows (RFC 9110, 15.2).
  if (/^HTTP\/1\.\d 1(?!01)\d\d\b/.test(head)) return body === '' ? { is: 'part' } : readHttp(body, hasEnded);
  const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(head)?.[1]);
  if (Number.isNaN(status)) return { is: 'foreign' };
  const setsCookie = header(head, 'set-cookie') === undefined ? undefined : true;
  const said = { status, location: header(head, 'location'), setsCookie };
  return { ...said, is: isWholeBody(head, body, status, hasEnded) ? 'whole' : 'part' };
}

function isWholeBody(head: string, body: string, status: number, hasEnded: boolean): boolean {
  if (status === 204 || status === 304) return true;
  // Chunks come before a length (RFC 9112, 6.3).
  const isChunked = header(head, 'transfer-encoding') !== undefined;
  const length = header(head, 'content-length');
  if (length !== undefined && !isChunked) return body.length >= Number(length);
  if (isChunked) return /(^|\r\n)0\r\n(.*\r\n)*\r\n$/.test(body);
  return hasEnded;
}

function header(head: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*\\r?$`, 'im').exec(head)?.[1];
}

/** The first line of an answer, for a person: bytes of PostgreSQL are put into words. */
export function firstWords(protocol: Protocol, text: string): string {
  const [line = ''] = text.split(/\r?\n/);
  if (protocol !== 'postgres') return line;
  const [, code] = /\0C(\w{5})\0/.exec(text) ?? [];
  const [, message] = /\0M([^\0]*)\0/.exec(text) ?? [];
  if (text.startsWith('E')) return `PostgreSQL: ${message ?? 'an error'}${code === undefined ? '' : ` (${code})`}`;
  return text.startsWith('R') ? 'PostgreSQL asks who comes' : line;
}

const SPEAKERS: readonly (readonly [starts: string, what: string])[] = [
  ['\x15\x03', 'TLS'],
  ['\x16\x03', 'TLS'],
  ['HTTP/', 'HTTP'],
  ['SSH-', 'ssh'],
  ['220 ', 'mail or FTP'],
  ['220-', 'mail or FTP'],
  ['E\0\0', 'PostgreSQL'],
  ['-ERR ', 'Redis'],
];

/** Whose words these seem to be, for a person; undefined: nobody knows. */
export function speakerOf(text: string): string | undefined {
  return SPEAKERS.find(([starts]) => text.startsWith(starts))?.[1];
}

/** An answer in HTTP that says that the question should have been asked in TLS (nginx, Go, Apache). */
export function wantsTls(text: string): boolean {
  return (
    /^HTTP\/1\.\d 400 /.test(text) &&
    /plain HTTP request|HTTP request to an HTTPS server|speaking plain HTTP/i.test(text)
  );
}
