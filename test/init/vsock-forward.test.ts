import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { localHost } from '../../src/host/local/local.ts';
import { vsockForward, vsockPorts } from '../../src/init/services/vsock-forward.ts';
import { postgres } from '../../src/spec/services/postgres/postgres.ts';
import { ownService } from '../support/spec.ts';

test('the TCP ports of a machine, each once', () => {
  const tunnel = ownService({ name: 'wg', ports: [{ name: 'wg', port: 51820, protocol: 'udp', hostPort: 51820 }] });
  expect(vsockPorts([postgres.create({}), tunnel, postgres.create({})])).toEqual([5432]);
});

test('both directions of a connection end by themselves, and nothing is lost', async () => {
  const echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.once('end', () => socket.end('the end')).pipe(socket, { end: false });
  }).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  onTestFinished(() => void echo.close());
  const address = echo.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  // No vsock leads back to the same kernel on most hosts, so the listener is a TCP port here; all else is the program as it is.
  const front = await localHost().freePort();
  const program = vsockForward([port])
    .replace('AF_VSOCK => 40', 'AF_VSOCK => 2')
    .replace("pack('S S L L C x3', AF_VSOCK, 0, $port, ANY, 0)", `pack_sockaddr_in(${front}, INADDR_LOOPBACK)`);
  const perl = spawn('perl', ['-e', program], { stdio: ['ignore', 'inherit', 'inherit'] });
  onTestFinished(() => void perl.kill('SIGKILL'));
  const open = async (): Promise<ReturnType<typeof connect>> => {
    const socket = connect({ port: front, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  };
  await expect
    .poll(() =>
      open().then(
        (socket) => socket.destroy(),
        () => undefined,
      ),
    )
    .toBeDefined();
  const [first, second] = [await open(), await open()];
  const much = 'x'.repeat(3_000_000);
  second.end('hello, ');
  first.end(much);
  expect(await text(second)).toBe('hello, the end');
  expect(await text(first)).toBe(`${much}the end`);
});
