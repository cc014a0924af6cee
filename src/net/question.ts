import type { Protocol } from '../core/protocol.ts';

const WHO = 'user\0vmkit\0database\0postgres\0application_name\0vmkit probe\0\0';
/** Its length, and version 3.0 of the protocol. */
const STARTUP = `\0\0\0${String.fromCharCode(WHO.length + 8)}\0\x03\0\0${WHO}`;

/** More than a packet of any tunnel holds (their MTU is 1280 to 1420): a question of this length travels in at least one packet of full size. */
export const FULL_PACKET = 1_400;

/** What is sent to a service so that it answers, in Latin-1. `http`, `postgres` and `ssh` are known; of others nothing is known. */
export interface Question {
  readonly protocol: Protocol;
  readonly text: string;
  /** Whom HTTP names as the host, and what it asks for there. */
  readonly host: string;
  readonly path: string;
}

/**
 * HTTP is asked for `/` with a header that fills a packet; PostgreSQL is told who comes (a StartupMessage, its
 * documentation, "Message Formats"): it asks for a password, or says why it takes nobody. What speaks first,
 * or is not known, is sent nothing. `name`: of the host that is asked;
 * `path`: of HTTP.
 */
export function questionTo(protocol: Protocol, name: string, path = '/'): Question {
  return { protocol, text: textFor(protocol, name, path), host: name, path };
}

function textFor(protocol: Protocol, name: string, path: string): string {
  if (protocol === 'http') {
    return `GET ${path} HTTP/1.0\r\nHost: ${name}\r\nX-Vmkit-Padding: ${'0'.repeat(FULL_PACKET)}\r\n\r\n`;
  }
  return protocol === 'postgres' ? STARTUP : '';
}
