import { spawn } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { listeningInodes, portHolder } from '../../src/host/local/tcp-holder.ts';
import { connectTo } from '../../src/net/connect.ts';
import { httpStatus } from '../../src/net/http.ts';
import { freePort, isPortFree, postgresAnswers, sshAnswers, staysOpen } from '../../src/net/tcp.ts';

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
  const port = await serve(() => undefined);
  expect(await isPortFree(port)).toBe(false);
  expect(await portHolder(port)).toMatchObject({ pid: process.pid });
  const free = await freePort();
  expect(await isPortFree(free)).toBe(true);
  expect(await portHolder(free)).toBeUndefined();
});

test("another process's port", async () => {
  const child = spawn(process.execPath, [
    '-e',
    'const s=require("net").createServer().listen(0,"127.0.0.1",()=>console.log(s.address().port))',
  ]);
  const port = Number(await new Promise((resolve) => child.stdout.once('data', (data) => resolve(String(data)))));
  expect(await portHolder(port)).toEqual({ pid: child.pid, command: 'node' });
  child.kill('SIGKILL');
});

test('listeners in /proc/net/tcp: only that port, only in state 0A', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0
   1: 0100007F:1538 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 100 0 0 10 0
   2: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0 100 0 0 10 0
`;
  expect(listeningInodes(table, 5432)).toEqual(['4242']);
  expect(listeningInodes('', 5432)).toEqual([]);
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
