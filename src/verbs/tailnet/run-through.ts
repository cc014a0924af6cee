import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { VmkitError } from '../../core/errors/errors.ts';
import { runForeground } from '../../host/local/process/foreground.ts';
import { connectBySocks } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { type LoopbackServer, listenOnLoopback } from '../../net/loopback-server.ts';
import { proxyVariables, readJoined } from '../../tailnet/node/joined.ts';
import type { VerbContext } from '../step.ts';

/** A port of 127.0.0.1 that leads to one in the tailnet. */
export interface Forward {
  readonly here: number;
  readonly to: Endpoint;
}

/** `13000:forge:3000`. Throws `bad-usage`. */
export function parseForward(text: string): Forward {
  const [, here = '', address = '', port = ''] =
    /^(\d{1,5}):(\[[0-9a-f:]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text) ?? [];
  const isPort = (each: string): boolean => Number(each) >= 1 && Number(each) <= 65_535;
  if (isPort(here) && isPort(port)) {
    return { here: Number(here), to: { address: address.replace(/^\[|\]$/g, ''), port: Number(port) } };
  }
  throw new VmkitError('usage', 'bad-usage', `--forward ${text}: expected PORT:NODE:PORT, such as 13000:forge:3000.`);
}

/**
 * Runs a command with the variables of the node's proxy, and these ports forwarded for as long as it runs; without a command until the signal. Returns its exit code.
 * Throws `node-not-joined`, `port-in-use`.
 */
export async function runThrough(
  argv: readonly string[],
  forwards: readonly Forward[],
  context: VerbContext,
): Promise<number> {
  const joined = await readJoined(context);
  if (joined?.isRunning !== true) {
    throw new VmkitError('unreachable', 'node-not-joined', 'No node of vmkit tailnet join runs on this computer.', {
      hint: 'vmkit tailnet join --userspace',
    });
  }
  const servers: LoopbackServer[] = [];
  try {
    for (const forward of forwards) servers.push(await open(forward, joined.proxyPort, context));
    if (argv.length > 0) return await runForeground(argv, proxyVariables(joined.proxyPort), context.signal);
    await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve(), { once: true }));
    return 0;
  } finally {
    for (const server of servers) server.close();
  }
}

async function open({ here, to }: Forward, socksPort: number, context: VerbContext): Promise<LoopbackServer> {
  const server = await listenOnLoopback(here, (socket) => void passOn(socket, to, socksPort, context));
  if (server.port === here) return server;
  server.close();
  throw new VmkitError('host', 'port-in-use', `Port ${here} of 127.0.0.1 is taken.`, {
    hint: 'ss -ltnp names the program.',
  });
}

async function passOn(socket: Duplex, to: Endpoint, socksPort: number, { report }: VerbContext): Promise<void> {
  socket.on('error', () => undefined);
  try {
    const there = await connectBySocks(to, { socksPort }, 15_000);
    await Promise.allSettled([pipeline(socket, there), pipeline(there, socket)]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    report({ kind: 'note', text: `${to.address}:${to.port} was not reached: ${why}` });
  } finally {
    socket.destroy();
  }
}
