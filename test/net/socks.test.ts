import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { dial } from '../../src/net/dial.ts';
import { listenOnLoopback } from '../../src/net/loopback-server.ts';
import { questionTo } from '../../src/net/question.ts';

const METHODS = Buffer.from([5, 0]);
const CONNECTED = Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
const FAILED = Buffer.from([5, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
const ANSWER = 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** A SOCKS5 server that gives its first connection up after so many milliseconds, and makes each later one. */
async function socksServer(givesUpMs: number): Promise<{ readonly port: number; readonly asked: () => number }> {
  let count = 0;
  const take = async (client: Duplex): Promise<void> => {
    client.on('error', () => {});
    const next = (): Promise<unknown> => new Promise((resolve) => void client.once('data', resolve));
    await next();
    client.write(METHODS);
    await next();
    count += 1;
    if (count === 1) {
      await sleep(givesUpMs);
      client.end(FAILED);
      return;
    }
    client.write(CONNECTED);
    await next();
    client.end(ANSWER);
  };
  const server = await listenOnLoopback(0, (client) => void take(client));
  onTestFinished(() => server.close());
  return { port: server.port, asked: () => count };
}

const TO = { address: '100.64.0.1', port: 3000 };
const REQUEST = { ...questionTo('http', 'web'), tlsName: undefined };

test('what a SOCKS server gives up before the time is over is asked once more', async () => {
  const { port, asked } = await socksServer(4_700);
  expect(await dial(TO, REQUEST, 8_000, { socksPort: port })).toMatchObject({ result: 'data', status: 200 });
  expect(asked()).toBe(2);
});

test('what it refuses at once is not', async () => {
  const { port, asked } = await socksServer(0);
  expect(await dial(TO, REQUEST, 8_000, { socksPort: port })).toMatchObject({ result: 'failed' });
  expect(asked()).toBe(1);
});
