import type { Protocol } from '../core/protocol.ts';

/** More than a packet of any tunnel holds (their MTU is 1280 to 1420): a question of this length travels in at least one packet of full size. */
export const FULL_PACKET = 1_400;

/** What is sent to a service so that it answers, in Latin-1. `http`, `postgres` and `ssh` are known; of others nothing is known. */
export interface Question {
  readonly protocol: Protocol;
  readonly text: string;
}

/**
 * HTTP is asked for `/` with a header that fills a packet; PostgreSQL answers an SSLRequest with one byte (its documentation, "Message Formats"). What speaks first,
 * or is not known, is sent nothing. `name`: of the host that is asked.
 */
export function questionTo(protocol: Protocol, name: string): Question {
  return { protocol, text: textFor(protocol, name) };
}

function textFor(protocol: Protocol, name: string): string {
  if (protocol === 'http') {
    return `GET / HTTP/1.0\r\nHost: ${name}\r\nX-Vmkit-Padding: ${'0'.repeat(FULL_PACKET)}\r\n\r\n`;
  }
  return protocol === 'postgres' ? '\x00\x00\x00\x08\x04\xd2\x16\x2f' : '';
}
