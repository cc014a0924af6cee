import type { Protocol } from '../core/protocol.ts';

/** What is known of the bytes that a server answered. */
export interface Answer {
  /** Whole: to its end. Part: it began. Foreign: another protocol than the one that was asked in. */
  readonly is: 'whole' | 'part' | 'foreign';
  /** Of HTTP. */
  readonly status?: number | undefined;
  /** Where HTTP sends one on to. */
  readonly location?: string | undefined;
}

/** Reads what came so far, in Latin-1. `hasEnded`: the server has ended the connection. Undefined: nothing can be told yet. */
export function readAnswer(protocol: Protocol, text: string, hasEnded: boolean): Answer | undefined {
  if (text === '') return undefined;
  switch (protocol) {
    case 'http':
      return readHttp(text, hasEnded);
    case 'postgres':
      // S or N; an error message is an answer, too: too many connections.
      return { is: /^[SNE]/.test(text) ? 'whole' : 'foreign' };
    case 'ssh':
      return readBanner(text, hasEnded);
    default:
      return { is: 'whole' };
  }
}

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
  const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(head)?.[1]);
  if (Number.isNaN(status)) return { is: 'foreign' };
  const said = { status, location: header(head, 'location') };
  return { ...said, is: isWholeBody(head, body, status, hasEnded) ? 'whole' : 'part' };
}

function isWholeBody(head: string, body: string, status: number, hasEnded: boolean): boolean {
  if (status === 204 || status === 304) return true;
  const length = header(head, 'content-length');
  if (length !== undefined) return body.length >= Number(length);
  if (header(head, 'transfer-encoding') !== undefined) return /(^|\r\n)0\r\n(.*\r\n)*\r\n$/.test(body);
  return hasEnded;
}

function header(head: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*\\r?$`, 'im').exec(head)?.[1];
}
