import { expect, test } from 'vitest';
import { connectDirectly } from '../../src/net/dial.ts';
import { measureTraffic, serveTraffic } from '../../src/net/traffic.ts';

test('a way is measured by its round trips and by what comes through it; what comes in part is no measure', async () => {
  const server = await serveTraffic('127.0.0.1', 0);
  const dial = () => connectDirectly({ address: '127.0.0.1', port: server.port }, 5_000);
  const { roundTripMs, megabytesPerSecond } = await measureTraffic(dial);
  expect(roundTripMs).toBeGreaterThan(0);
  expect(megabytesPerSecond).toBeGreaterThan(0);
  expect(server.lastSeen()).toBe('127.0.0.1');
  let dialled = 0;
  const cut = async () => {
    const socket = await dial();
    dialled += 1;
    // The last one is the long answer.
    if (dialled === 17) socket.once('data', () => socket.destroy());
    return socket;
  };
  await expect(measureTraffic(cut)).rejects.toThrow();
  server.close();
  await expect(measureTraffic(dial)).rejects.toThrow('ECONNREFUSED');
});
