import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keepLinks } from '../../../src/machine/switch/switch-links.ts';
import { onFrames, sendFrame } from '../../../src/net/frames/frame-stream.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** What QEMU does with `-netdev stream,server=on`. */
function machine(path: string): Promise<{ server: Server; link: Promise<Socket> }> {
  return new Promise((resolve) => {
    const server = createServer();
    const link = new Promise<Socket>((linked) => server.once('connection', linked));
    server.listen(path, () => resolve({ server, link }));
  });
}

test('frames cross whole, however they are cut; a machine that comes later or comes back is found', async () => {
  const folder = await temporaryFolder();
  const ended = new AbortController();
  const paths = { a: join(folder, 'a.sock'), b: join(folder, 'b.sock') };
  const links = Object.entries(paths).map(([name, socketPath]) => ({ name, socketPath }));
  const running = keepLinks(links, (from) => (from === 'a' ? ['b'] : ['a']), ended.signal);
  for (const round of [1, 2]) {
    const a = await machine(paths.a);
    const b = await machine(paths.b);
    const [linkA, linkB] = [await a.link, await b.link];
    const got: number[] = [];
    const whole = new Promise<void>((resolve) => {
      onFrames(linkB, (frame) => {
        got.push(frame.length);
        if (got.length === 3) resolve();
      });
    });
    sendFrame(linkA, new Uint8Array(60).fill(round));
    const cut = Buffer.concat([Buffer.from([0, 0, 0, 200]), Buffer.alloc(200, round)]);
    linkA.write(cut.subarray(0, 2));
    await new Promise((resolve) => setTimeout(resolve, 20));
    linkA.write(cut.subarray(2, 90));
    await new Promise((resolve) => setTimeout(resolve, 20));
    linkA.write(Buffer.concat([cut.subarray(90), Buffer.from([0, 0, 0, 1, 7])]));
    await whole;
    expect(got).toEqual([60, 200, 1]);
    for (const socket of [linkA, linkB]) socket.destroy();
    await Promise.all([a.server, b.server].map((server) => new Promise((resolve) => server.close(resolve))));
  }
  ended.abort();
  await running;
});

test('a length that no frame has ends the connection', async () => {
  const path = join(await temporaryFolder(), 'c.sock');
  const { server, link } = await machine(path);
  const ended = new AbortController();
  const running = keepLinks([{ name: 'c', socketPath: path }], () => [], ended.signal);
  const socket = await link;
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
  await closed;
  ended.abort();
  server.close();
  await running;
});
