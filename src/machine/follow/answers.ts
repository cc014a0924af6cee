import { poll } from '../../core/deadline.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { httpStatus } from '../../net/http.ts';
import { type Dial, postgresAnswers, sshAnswers, staysOpen } from '../../net/tcp.ts';
import { dialOf } from '../endpoint.ts';
import { hasLostGate } from '../gate/gate-process.ts';
import type { MachineState, OpenPort } from '../state/state.ts';

const WITHIN_MS = 30_000;

/** Waits until every open port really answers on this host; throws `gate-ended`, or `port-unanswered`, which names the ones that do not. */
export async function requireAnswers(state: MachineState, context: Context): Promise<void> {
  const { ports, name: vm } = state;
  const results = await Promise.all(
    ports.map(async (port) => {
      const answered = await poll(
        async () => {
          if (await answers(port, dialOf(state, port, context))) return true;
          await requireGate(state, context);
          return undefined;
        },
        {
          withinMs: WITHIN_MS,
          everyMs: 100,
          signal: context.signal,
        },
      );
      return { port, answered: answered === true };
    }),
  );
  const silent = results.filter(({ answered }) => !answered).map(({ port }) => port);
  if (silent.length === 0) return;
  const names = silent.map((port) => `${port.service} on 127.0.0.1:${port.hostPort} (${port.protocol})`);
  throw new VmkitError(
    'boot',
    'port-unanswered',
    `Every service of ${vm} is ready, but from this host there is no answer within ${WITHIN_MS / 1000} s from: ${names.join(', ')}.`,
    {
      hint: `Does the service listen on all addresses of the guest, port ${silent[0]?.guestPort}? vmkit logs ${vm} ${silent[0]?.service}`,
      details: silent,
    },
  );
}

/** No service is at fault where the machine's gate is gone: it is a process of this host's. */
async function requireGate(state: MachineState, { host, paths }: Context): Promise<void> {
  if (!(await hasLostGate(state, host))) return;
  throw new VmkitError(
    'boot',
    'gate-ended',
    `Every service of ${state.name} is ready, but the gate between it and the network has ended, so no port of it answers.`,
    {
      hint: `Start it again: vmkit boot ${state.name}. Its last words are in ${machinePaths(paths, state.name).gateLog}.`,
    },
  );
}

/** Whether what is behind a port really answers its host. An HTTP server that answers with an error of its own (5xx) does not. */
async function answers({ protocol }: Pick<OpenPort, 'protocol'>, dial: Dial): Promise<boolean> {
  switch (protocol) {
    case 'http':
      return ((await httpStatus(dial)) ?? 599) < 500;
    case 'postgres':
      return postgresAnswers(dial);
    case 'ssh':
      return sshAnswers(dial);
    case 'tcp':
      return staysOpen(dial);
    case 'udp':
      // Nobody answers who was not shown a key.
      return true;
  }
}
