import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { freePort } from '../../../src/net/tcp.ts';

/** A real distccd on loopback until the test has ended; how distcc calls it. `path` is where it finds its compilers. */
export async function startDistccd(path: string = process.env['PATH'] ?? ''): Promise<string> {
  const port = await freePort();
  const argv = ['--no-detach', '--daemon', '--listen', '127.0.0.1', '--port', `${port}`, '--allow', '127.0.0.1/32'];
  const server = spawn('distccd', [...argv, '--jobs', '2', '--log-stderr'], {
    env: { PATH: path, TMPDIR: '/tmp' },
    stdio: 'ignore',
  });
  onTestFinished(() => void server.kill());
  const isOpen = async (): Promise<true | undefined> => {
    const socket = connect(port, '127.0.0.1');
    const opened = await once(socket, 'connect').catch(() => undefined);
    socket.destroy();
    return opened === undefined ? undefined : true;
  };
  if ((await poll(isOpen, { withinMs: 20_000 })) === undefined) throw new Error('distccd does not listen.');
  return `127.0.0.1:${port}/2`;
}
