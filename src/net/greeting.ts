import type { Protocol } from '../core/protocol.ts';

/** PostgreSQL answers an SSLRequest with one byte (its documentation, "Message Formats"); what speaks first, or is not known, is sent nothing. */
export function greeting(protocol: Protocol, name = ''): string {
  if (protocol === 'http') return `GET / HTTP/1.0\r\nHost: ${name}\r\n\r\n`;
  return protocol === 'postgres' ? '\x00\x00\x00\x08\x04\xd2\x16\x2f' : '';
}
