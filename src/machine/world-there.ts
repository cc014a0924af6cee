import type { Context } from '../host/context.ts';
import type { Host } from '../host/host.ts';
import { worldOf } from '../spec/networks/networks.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { hasNode } from './own-program.ts';
import type { MachineState } from './state/state.ts';

/**
 * The definition as this host can run it. What keeps a guest with the world `internet` away from its host is a program that needs Node (machine/gate). On a host
 * without Node the machine gets no way out at all, and that is told: the other choice would show it the host's own services.
 */
export async function withWorldOf(spec: VmSpec, { host, report }: Context): Promise<VmSpec> {
  const { network } = spec;
  if (!('world' in network) || network.world !== 'internet' || (await hasNode(host))) return spec;
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
