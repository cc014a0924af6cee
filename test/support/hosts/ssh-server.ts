import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { localHost } from '../../../src/host/local/local.ts';
import { ensureSshKeys } from '../../../src/secrets/ssh-keys.ts';
import { joinChannel } from '../tailnet/join-channel.ts';

/** Joins standard input and output to a unix socket, as `nc -U` does. */
const THROUGH = "const s=require('net').connect(process.argv[1]);process.stdin.pipe(s);s.pipe(process.stdout)";

/**
 * A real ssh server that runs each command behind `enter` (`ip netns exec NAME`), on a unix socket: namespaces do not part those. `bin` is a folder with an `ssh`,
 * OpenSSH's with a configuration for this server alone.
 */
export async function sshServer(folder: string, enter: readonly string[]): Promise<{ bin: string; close(): void }> {
  const keys = await ensureSshKeys(join(folder, 'keys'), localHost());
  const server = new ssh2.Server({ hostKeys: [keys.hostKey] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (login) => {
      const isOurs =
        login.method === 'publickey' && login.key.data.toString('base64') === keys.clientPublicKey.split(' ')[1];
      if (isOurs) login.accept();
      else login.reject(['publickey']);
    });
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        const [file = 'sh', ...args] = [...enter, 'sh', '-c', command];
        const child = spawn(file, args);
        joinChannel(child, channel);
        channel.on('close', () => child.kill());
      });
    });
  });
  const socket = join(folder, 'sshd.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const bin = join(folder, 'ssh-bin');
  await mkdir(bin);
  await writeFile(join(folder, 'client-key'), keys.clientKey, { mode: 0o600 });
  await writeFile(join(folder, 'known-hosts'), `laptop ${keys.hostPublicKey}\n`);
  await writeFile(
    join(folder, 'ssh-config'),
    `Host laptop
  ProxyCommand ${process.execPath} -e "${THROUGH}" ${socket}
  IdentityFile ${join(folder, 'client-key')}
  UserKnownHostsFile ${join(folder, 'known-hosts')}
  StrictHostKeyChecking yes
`,
  );
  await writeFile(join(bin, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${join(folder, 'ssh-config')} "$@"\n`, {
    mode: 0o755,
  });
  return { bin, close: () => void server.close() };
}
