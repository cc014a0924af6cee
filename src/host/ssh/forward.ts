import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connectTo } from '../../net/connect.ts';
import type { HostEndpoint } from '../host.ts';
import { runProcess } from '../local/process.ts';
import { agentEnvironment } from './agent.ts';
import type { SshDestination } from './destination.ts';
import { explainSshEnd } from './login-error.ts';
import { forwardArgv } from './ssh-argv.ts';

/** Makes a socket here that leads there, connects to it, and takes it away again; the connection stays. */
export async function openBySsh(destination: SshDestination, controlPath: string, to: HostEndpoint): Promise<Duplex> {
  const socket = join(dirname(controlPath), `to-${randomBytes(6).toString('hex')}`);
  const run = (verb: 'forward' | 'cancel') =>
    runProcess(forwardArgv(destination, controlPath, verb, socket, to), { withinMs: 20_000, env: agentEnvironment() });
  const { exitCode, stderr } = await run('forward');
  if (exitCode !== 0) {
    throw explainSshEnd(destination, {
      how: `exit code ${exitCode}`,
      noise: stderr,
      hasStarted: true,
      title: `the opening of ${'tcp' in to ? `port ${to.tcp}` : to.unix}`,
    });
  }
  try {
    return await connectTo({ path: socket });
  } finally {
    await run('cancel');
    await rm(socket, { force: true });
  }
}
