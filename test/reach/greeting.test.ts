import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { dial } from '../../src/net/dial.ts';
import { greeting } from '../../src/net/greeting.ts';

test('PostgreSQL is sent an SSLRequest, byte for byte, and its one byte is an answer', async () => {
  const asked: Buffer[] = [];
  const server = createServer((socket) => {
    socket
      .on('error', () => undefined)
      .on('data', (bytes: Buffer) => {
        asked.push(bytes);
        socket.end('N');
      });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const at: AddressInfo | string | null = server.address();
  const port = typeof at === 'object' && at !== null ? at.port : 0;
  const to = { address: '127.0.0.1', port };
  const end = await dial(to, { text: greeting('postgres', 'sql'), tlsName: undefined }, 5_000);
  server.close();
  expect(Buffer.concat(asked)).toEqual(Buffer.from([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]));
  expect(end).toMatchObject({ result: 'data', text: 'N' });
});

test('what speaks first, or is not known, is sent nothing', () => {
  expect(greeting('ssh', 'x')).toBe('');
  expect(greeting('tcp', 'x')).toBe('');
  expect(greeting('http', 'x')).toContain('Host: x\r\n');
});
