import { VmkitError } from '../core/errors/errors.ts';
import type { Host } from '../host/host.ts';
import { type PortHolder, takenPorts } from '../host/taken-ports.ts';
import { worldOf } from '../spec/networks/networks.ts';
import type { MachineDescription } from './description.ts';
import type { OpenPort } from './state/state.ts';

/** The ports of a machine that its definition opens on the host. UDP only where the user network leads out: closed to the world it passes no answers (libslirp, udp_input). */
export function openPorts({ ports, network }: Pick<MachineDescription, 'ports' | 'network'>): OpenPort[] {
  const leadsOut = worldOf(network).world !== 'none';
  return ports.flatMap(({ hostPort, ...port }) =>
    hostPort === undefined || (port.protocol === 'udp' && !leadsOut) ? [] : [{ ...port, hostPort }],
  );
}

/** Throws `port-in-use`, which names every taken port, the service that wants it, and who has it where that can be known. */
export async function requireFreePorts(ports: readonly OpenPort[], vm: string, host: Host): Promise<void> {
  const taken = await findTaken(ports, host);
  if (taken.length === 0) return;
  const lines = taken.map(({ port, holder }) => {
    const by = holder === undefined ? 'another program' : `${holder.command} (pid ${holder.pid})`;
    const where = port.protocol === 'udp' ? `${host.name} (UDP)` : '127.0.0.1';
    return `Port ${port.hostPort} of ${where}, for the service ${port.service}, is taken by ${by}.`;
  });
  const machine = taken.map(({ holder }) => /^vmkit-(.+)$/.exec(holder?.command ?? '')?.[1]).find(Boolean);
  throw new VmkitError('host', 'port-in-use', lines.join('\n'), {
    hint:
      machine === undefined
        ? `End that program, or give ${vm} another port in its vm.yaml.`
        : `vmkit stop ${machine} frees it; or give ${vm} another port in its vm.yaml.`,
    details: taken.map(({ port, holder }) => ({ port: port.hostPort, service: port.service, holder })),
  });
}

async function findTaken(
  ports: readonly OpenPort[],
  host: Host,
): Promise<readonly { readonly port: OpenPort; readonly holder: PortHolder | undefined }[]> {
  const wanted = ports.map((port) => {
    const protocol = port.protocol === 'udp' ? ('udp' as const) : ('tcp' as const);
    return { protocol, port: port.hostPort, open: port };
  });
  return (await takenPorts(wanted, host)).map(({ open, holder }) => ({ port: open, holder }));
}

/** `http://127.0.0.1:3000`, or `127.0.0.1:5432` where no URL says more; `UDP 51820` is on every address of this host. */
export function addressOf({ protocol, hostPort }: Pick<OpenPort, 'protocol' | 'hostPort'>): string {
  if (protocol === 'udp') return `UDP ${hostPort}`;
  return protocol === 'http' ? `http://127.0.0.1:${hostPort}` : `127.0.0.1:${hostPort}`;
}

export function withAddress(port: OpenPort): OpenPort & { readonly address: string } {
  return { ...port, address: addressOf(port) };
}
