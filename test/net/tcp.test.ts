import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { localHost } from '../../src/host/local/local.ts';
import { boundSockets, socketHolders, takenPorts } from '../../src/host/taken-ports.ts';
import { connectTo } from '../../src/net/connect.ts';
import { httpStatus } from '../../src/net/http.ts';
import { freePort, postgresAnswers, sshAnswers, staysOpen } from '../../src/net/tcp.ts';

const to = (port: number) => () => connectTo({ port, host: '127.0.0.1' });

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function serve(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

test('a port that somebody listens on is taken, and its holder is found', async () => {
  const host = localHost();
  const port = await serve(() => undefined);
  const free = await freePort();
  const wanted = [port, free].map((each) => ({ protocol: 'tcp' as const, port: each }));
  expect(await takenPorts(wanted, host)).toMatchObject([{ port, holder: { pid: process.pid } }]);
});

test("another process's port", async () => {
  const child = spawn(process.execPath, [
    '-e',
    'const s=require("net").createServer().listen(0,"::",()=>console.log(s.address().port))',
  ]);
  const port = Number(await new Promise((resolve) => child.stdout.once('data', (data) => resolve(String(data)))));
  const [taken] = await takenPorts([{ protocol: 'tcp', port }], localHost());
  expect(taken?.holder).toEqual({ pid: child.pid, command: 'node' });
  child.kill('SIGKILL');
});

test('a UDP port that a program has, on whatever address', async () => {
  const socket = createSocket('udp4');
  onTestFinished(() => void socket.close());
  await new Promise<void>((resolve) => void socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  const wanted = [
    { protocol: 'udp' as const, port },
    { protocol: 'tcp' as const, port: await freePort() },
  ];
  expect(await takenPorts(wanted, localHost())).toMatchObject([{ protocol: 'udp', holder: { pid: process.pid } }]);
});

test('listeners in /proc/net/tcp: only in state 0A, on 127.0.0.1 or everywhere', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0
   1: 0100007F:1538 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0 100 0 0 10 0
   3: 0500A8C0:0017 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4245 1 0 100 0 0 10 0
`;
  expect(boundSockets('tcp', table).map(({ port, inode }) => [port, inode])).toEqual([
    [5432, '4242'],
    [22, '4244'],
  ]);
  expect(boundSockets('tcp', '')).toEqual([]);
});

test('the holder of a socket, in what ls -l lists of /proc', () => {
  const listing = `/proc/7/fd:
total 0
lrwx------ 1 root root 64 Jan  1 00:00 0 -> /dev/null

/proc/42/fd:
total 0
lrwx------ 1 root root 64 Jan  1 00:00 3 -> socket:[4242]
`;
  expect(socketHolders(listing).get('4242')).toBe(42);
});

test('a server that accepts and closes, as QEMU does for a guest that does not listen, answers nothing', async () => {
  const port = await serve((socket) => socket.destroy());
  expect(await postgresAnswers(to(port))).toBe(false);
  expect(await sshAnswers(to(port))).toBe(false);
  expect(await staysOpen(to(port))).toBe(false);
  expect(await httpStatus(to(port))).toBeUndefined();
});

test('PostgreSQL is asked whether it does TLS, and either answer is an answer', async () => {
  const port = await serve((socket) => {
    socket.once('data', (data) => socket.write(data.equals(Buffer.from('0000000804d2162f', 'hex')) ? 'N' : 'x'));
  });
  expect(await postgresAnswers(to(port))).toBe(true);
});

test('an ssh server names itself', async () => {
  expect(await sshAnswers(to(await serve((socket) => socket.write('SSH-2.0-dropbear\r\n'))))).toBe(true);
  expect(await sshAnswers(to(await serve((socket) => socket.write('220 ftp\r\n'))))).toBe(false);
});

test('a server that says nothing stays open, and is no HTTP server', async () => {
  const port = await serve(() => undefined);
  expect(await staysOpen(to(port), 100)).toBe(true);
  expect(await httpStatus(to(port), 100)).toBeUndefined();
});

test('an HTTP status is read', async () => {
  const port = await serve((socket) => socket.end('HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n'));
  expect(await httpStatus(to(port))).toBe(302);
});
