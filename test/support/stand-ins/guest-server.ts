import { spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import ssh2 from 'ssh2';
import { onTestFinished } from 'vitest';
import type { SshKeys } from '../../../src/secrets/ssh-keys.ts';
import { joinChannel } from '../tailnet/join-channel.ts';

/** A real ssh server on loopback in a guest's place: it runs what it is told here, with `/data` at `folder` and programs of `bin` first. Its port. */
export async function guestServer(keys: SshKeys, folder: string, bin: string): Promise<number> {
  const server = new ssh2.Server({ hostKeys: [keys.hostKey] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (login) => login.accept());
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
        const child = spawn('sh', ['-c', command.replaceAll('/data/', `${folder}/`)], { env });
        joinChannel(child, channel);
      });
    });
  });
  onTestFinished(() => void server.close());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const at: AddressInfo | string | null = server.address();
      resolve(typeof at === 'object' && at !== null ? at.port : 0);
    });
  });
}
