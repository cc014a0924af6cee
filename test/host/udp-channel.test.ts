import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { openUdp, outboundAddress } from '../../src/host/udp-channel.ts';

async function echo(): Promise<number> {
  const socket = createSocket('udp4');
  onTestFinished(() => void socket.close());
  socket.on('message', (message, { port, address }) => {
    for (const part of [message, message]) socket.send(part, port, address);
  });
  await new Promise<void>((resolve) => void socket.bind(0, '127.0.0.1', resolve));
  return socket.address().port;
}

test('what comes is taken in order, also what came while nobody waited; then nothing', async () => {
  const channel = await openUdp({ address: '127.0.0.1', port: await echo() });
  onTestFinished(() => channel.close());
  channel.send(Buffer.from('one'));
  expect((await channel.next(5_000))?.toString()).toBe('one');
  await new Promise((resolve) => void setTimeout(resolve, 50));
  expect((await channel.next(5_000))?.toString()).toBe('one');
  expect(await channel.next(20)).toBeUndefined();
});

test('a port where nobody listens says so', async () => {
  const channel = await openUdp({ address: '127.0.0.1', port: 9 });
  onTestFinished(() => channel.close());
  channel.send(Buffer.from('one'));
  await channel.next(100);
  expect(channel.error()).toContain('ECONNREFUSED');
});

test('the address towards the world is one of this host, or there is none', async () => {
  const own = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address));
  expect([undefined, ...own]).toContain(await outboundAddress());
});
