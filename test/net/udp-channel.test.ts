import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { openUdp, outboundAddress } from '../../src/net/udp-channel.ts';

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

test('who sends more than is taken fills no memory', async () => {
  const socket = createSocket('udp4');
  onTestFinished(() => void socket.close());
  const hasFlooded = new Promise<void>((resolve) => {
    socket.on('message', (_, { port, address }) => {
      for (let count = 0; count < 1_000; count += 1) socket.send(Buffer.alloc(100), port, address);
      socket.send('last', port, address, () => resolve());
    });
  });
  await new Promise<void>((resolve) => void socket.bind(0, '127.0.0.1', resolve));
  const channel = await openUdp({ address: '127.0.0.1', port: socket.address().port });
  onTestFinished(() => channel.close());
  channel.send(Buffer.from('one'));
  await hasFlooded;
  await new Promise((resolve) => void setTimeout(resolve, 200));
  let taken = 0;
  while ((await channel.next(20)) !== undefined) taken += 1;
  expect(taken).toBeLessThanOrEqual(256);
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
