import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { relayInside, relayOutside } from '../../src/net/datagram-relay.ts';
import { openUdp } from '../../src/net/udp-channel.ts';

/** A server that answers each datagram with the same in capitals. */
async function shouter(): Promise<{ address: string; port: number }> {
  const server = createSocket('udp4');
  onTestFinished(() => void server.close());
  server.on('message', (text, from) => server.send(text.toString().toUpperCase(), from.port, from.address));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  return { address: '127.0.0.1', port: server.address().port };
}

test('datagrams pass a relay in both directions, whole', async () => {
  const folder = await mkdtemp('/tmp/vmkit-relay-');
  onTestFinished(() => rm(folder, { recursive: true }));
  const endpoint = await shouter();
  const path = join(folder, 'relay');
  const relay = await relayOutside(path, endpoint);
  onTestFinished(() => relay.close());
  const free = createSocket('udp4').bind(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address();
  await new Promise<void>((resolve) => void free.close(resolve));
  await relayInside(path, port);
  const channel = await openUdp({ address: '127.0.0.1', port });
  onTestFinished(() => channel.close());
  const ask = (text: string) => {
    channel.send(Buffer.from(text));
    return channel.next(2_000);
  };
  expect(String(await ask('one'))).toBe('ONE');
  expect(String(await ask('x'.repeat(1_400)))).toBe('X'.repeat(1_400));
  expect(relay.counts).toEqual({ sent: 2, received: 2 });
});
