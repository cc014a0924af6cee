import { VmkitError } from '../core/errors/errors.ts';
import type { Context } from '../host/context.ts';
import type { Host } from '../host/host.ts';
import { worldOf } from '../spec/networks/networks.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { hasNode } from './own-program.ts';
import type { MachineState } from './state/state.ts';

/**
 * The definition as this host can run it. What keeps a guest with the world `internet` away from its host is a program that needs Node (machine/gate). On a host
 * without Node the machine gets no way out at all, and that is told: the other choice would show it the host's own services. Without a way out a UDP port gets no
 * answers (libslirp, udp_input): throws `udp-needs-node` for a machine that has one, such as WireGuard's.
 */
export async function withWorldOf(spec: VmSpec, { host, report }: Context): Promise<VmSpec> {
  const { network } = spec;
  if (!('world' in network) || network.world !== 'internet' || (await hasNode(host))) return spec;
  const udp = spec.services.find(({ ports }) => ports.some((port) => port.protocol === 'udp' && port.hostPort));
  if (udp !== undefined) throw udpNeedsNode(udp.name, spec.name, host.name);
  const text = `${host.name} has no Node, which keeps a guest apart from its host: ${spec.name} gets no way into the world. Install Node 20 there, or write network: { world: host } to open the host's own services, too.`;
  report({ kind: 'note', text });
  return cutOff(spec);
}

/** The definition as a machine was started from it that runs there: Node may have come since. */
export function withWorldOfStart(spec: VmSpec, started: Pick<MachineState, 'network'>, host: Host): VmSpec {
  const { network } = spec;
  const isCut =
    !host.isHere && 'world' in network && network.world === 'internet' && worldOf(started.network).world === 'none';
  return isCut ? cutOff(spec) : spec;
}

function cutOff(spec: VmSpec): VmSpec {
  const { network } = spec;
  return 'world' in network ? { ...spec, network: { ...network, world: 'none', hostAccess: [] } } : spec;
}

function udpNeedsNode(service: string, machine: string, host: string): VmkitError {
  return new VmkitError(
    'host',
    'udp-needs-node',
    `${host} has no Node, which keeps a guest apart from its host, so ${machine} would get no way out; the UDP port of ${service} cannot answer without one.`,
    {
      hint: "Install Node 20 there; or put the machine on the bridge; or write network: { kind: user, world: host }, which opens the host's own services to it.",
    },
  );
}
