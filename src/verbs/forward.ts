import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSystemError, messageOf, VmkitError } from '../core/errors/errors.ts';
import type { Context } from '../host/context.ts';
import type { HostProcess } from '../host/host.ts';
import { dialOf } from '../machine/endpoint.ts';
import { requireRunning } from '../machine/state/running.ts';
import type { MachineState, OpenPort } from '../machine/state/state.ts';
import { type LoopbackServer, listenOnLoopback } from '../net/loopback-server.ts';

/** How often a machine is asked whether it still runs. */
const LOOK_EVERY_MS = 2_000;

export interface ForwardedPort extends OpenPort {
  /** On 127.0.0.1 of this computer: the same number as on the host, or a free one where somebody has that. */
  readonly here: number;
}

/**
 * Opens every TCP port of a running machine on this computer, and passes each connection on to the machine's host, until the signal. `ready` is told the ports.
 * A connection that cannot be passed on is closed, and told. Throws `machine-off`, also when the machine ends meanwhile, and why its host cannot be reached any more.
 */
export async function forwardPorts(
  name: string,
  ready: (ports: readonly ForwardedPort[]) => void,
  context: Context,
): Promise<void> {
  const machine = await requireRunning(name, context);
  const servers: LoopbackServer[] = [];
  try {
    const forwarded: ForwardedPort[] = [];
    for (const port of machine.ports.filter(({ protocol }) => protocol !== 'udp')) {
      const server = await listenOnLoopback(port.hostPort, (socket) => void passOn(socket, machine, port, context));
      servers.push(server);
      forwarded.push({ ...port, here: server.port });
    }
    ready(forwarded);
    await untilEnd(machine, context);
  } finally {
    for (const server of servers) server.close();
  }
}

async function untilEnd(machine: HostProcess & { readonly name: string }, { host, signal }: Context): Promise<void> {
  while (!signal.aborted) {
    if (!(await host.isRunning(machine))) {
      throw new VmkitError('boot', 'machine-off', `The machine ${machine.name} has ended; its ports are closed here.`, {
        hint: `vmkit boot ${machine.name}`,
      });
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function passOn(socket: Duplex, machine: MachineState, port: OpenPort, context: Context): Promise<void> {
  const { report, signal } = context;
  // Each end's errors are those of the pipelines below.
  socket.on('error', () => undefined);
  try {
    const there = await dialOf(machine, port, context)();
    await Promise.all([pipeline(socket, there, { signal }), pipeline(there, socket, { signal })]);
  } catch (error) {
    if (!signal.aborted && !isHangUp(error)) {
      report({ kind: 'note', text: `A connection to ${port.service} ended: ${messageOf(error)}` });
    }
  } finally {
    socket.destroy();
  }
}

/** A client that goes away is no news. */
function isHangUp(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].some((code) => isSystemError(error, code));
}
