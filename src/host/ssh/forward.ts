import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connectTo } from '../../net/connect.ts';
import { endpointName, type ProgramEndpoint } from '../endpoint.ts';
import type { ExecResult } from '../host.ts';
import { spawnChild } from '../local/process/child.ts';
import { runProcess } from '../local/process/process.ts';
import { agentEnvironment } from './agent.ts';
import type { SshDestination } from './destination.ts';
import { explainSshEnd } from './login-error.ts';
import { forwardArgv } from './ssh-argv.ts';

/**
 * Makes a socket here that leads there, connects to it, and takes it away again; the connection stays. Goes through the connection that is there; where there is
 * none any more, after `logIn`.
 */
export async function openBySsh(
  destination: SshDestination,
  controlPath: string,
  to: ProgramEndpoint,
  logIn: () => Promise<void>,
): Promise<Duplex> {
  const socket = join(dirname(controlPath), `to-${randomBytes(6).toString('hex')}`);
  const argv = (verb: 'forward' | 'cancel'): string[] => forwardArgv(destination, controlPath, verb, socket, to);
  const forward = (): Promise<ExecResult> => runProcess(argv('forward'), { withinMs: 20_000, env: agentEnvironment() });
  let made = await forward();
  if (made.exitCode !== 0) {
    await logIn();
    made = await forward();
  }
  if (made.exitCode !== 0) {
    throw explainSshEnd(destination, {
      how: `exit code ${made.exitCode}`,
      noise: made.stderr,
      hasStarted: true,
      title: `the opening of ${endpointName(to)}`,
    });
  }
  try {
    return await connectTo({ path: socket });
  } finally {
    await rm(socket, { force: true });
    // Nobody waits for it, not even the end of vmkit.
    const [file = 'ssh', ...args] = argv('cancel');
    spawnChild(file, args, { stdio: 'ignore', detached: true, env: agentEnvironment() })
      .on('error', () => undefined)
      .unref();
  }
}
