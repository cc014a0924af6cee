import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { askByDatagram, ownAddress } from '../../src/host/datagram-ask.ts';
import { relayInside, relayOutside } from '../../src/host/datagram-relay.ts';

/** A server that answers each datagram with the same in capitals. */
async function shouter(): Promise<{ server: Socket; endpoint: { address: string; port: number } }> {
  const server = createSocket('udp4');
  onTestFinished(() => void server.close());
  server.on('message', (text, from) => server.send(text.toString().toUpperCase(), from.port, from.address));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, endpoint: { address: '127.0.0.1', port: server.address().port } };
}

test('datagrams pass a relay in both directions, whole', async () => {
  const folder = await mkdtemp('/tmp/vmkit-relay-');
  onTestFinished(() => rm(folder, { recursive: true }));
  const { endpoint } = await shouter();
  const path = join(folder, 'relay');
  const relay = await relayOutside(path, endpoint);
  onTestFinished(() => relay.close());
  const free = createSocket('udp4').bind(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address();
  await new Promise<void>((resolve) => void free.close(resolve));
  await relayInside(path, port);
  const ask = (text: string) => askByDatagram({ address: '127.0.0.1', port }, Buffer.from(text), ONCE);
  expect(String(await ask('one'))).toBe('ONE');
  expect(String(await ask('x'.repeat(1_400)))).toBe('X'.repeat(1_400));
  expect(relay.counts).toEqual({ sent: 2, received: 2 });
});

const ONCE = { tries: 1, everyMs: 2_000 };

test('who answers nothing is asked again, and then given up', async () => {
  const { server, endpoint } = await shouter();
  server.removeAllListeners('message');
  let asked = 0;
  server.on('message', () => void asked++);
  expect(await askByDatagram(endpoint, Buffer.from('hello'), { tries: 3, everyMs: 30 })).toBeUndefined();
  expect(asked).toBe(3);
});

test("this host's own address is one of its addresses", async () => {
  expect(await ownAddress()).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
});
