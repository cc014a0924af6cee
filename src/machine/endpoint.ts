import { machinePaths } from '../core/paths.ts';
import type { Context } from '../host/context.ts';
import type { HostEndpoint } from '../host/endpoint.ts';
import type { Dial } from '../net/tcp.ts';
import { IMPLICIT_SERVICE } from '../spec/services/registry.ts';
import type { MachineState, OpenPort } from './state/state.ts';
import { vmmOf } from './vmm/drivers.ts';

type Port = Pick<OpenPort, 'hostPort' | 'guestPort'>;

/** Where a port of a running machine is: on its host's 127.0.0.1, or where its monitor says. */
export async function endpointOf(
  state: MachineState,
  { hostPort, guestPort }: Port,
  { host, paths }: Pick<Context, 'host' | 'paths'>,
): Promise<HostEndpoint> {
  const found = await vmmOf(state).endpoint?.(guestPort, machinePaths(paths, state.name), host);
  return found ?? { tcp: hostPort };
}

/** Connects to it. */
export function dialOf(state: MachineState, port: Port, context: Pick<Context, 'host' | 'paths'>): Dial {
  return async () => context.host.open(await endpointOf(state, port, context));
}

/** vmkit's own way in. */
export function sshPortOf({ ports, sshPort }: MachineState): Port {
  return ports.find(({ service }) => service === IMPLICIT_SERVICE) ?? { hostPort: sshPort, guestPort: 22 };
}
