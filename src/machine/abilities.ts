import { VmkitError } from '../core/errors/errors.ts';
import { networkOf } from '../spec/networks/networks.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { MachineDescription } from './description.ts';
import type { Ability, Vmm } from './vmm/vmm.ts';

/** Throws `vmm-cannot` where a monitor lacks what a machine takes. */
export function requireAbilities({ name, network }: Pick<MachineDescription, 'name' | 'network'>, vmm: Vmm): void {
  const { card, world } = networkOf(network);
  // A card that leads to the world is enough: the user network beside it is for this host's ports.
  const needed: Ability[] = [
    ...(world === undefined ? [] : [world.world === 'none' ? ('host-ports' as const) : ('user-network' as const)]),
    ...(card === undefined ? [] : [card.end]),
  ];
  const lacking = needed.filter((ability) => !vmm.abilities.has(ability));
  if (lacking.length === 0) return;
  const text = `${name} is on a network of the kind ${network.kind}, for which ${vmm.title} lacks: ${lacking.join(', ')}.`;
  throw new VmkitError('spec', 'vmm-cannot', text, {
    hint: vmm.abilities.has('tap')
      ? 'Take another kind of network for it: network: { kind: bridge, address: 192.168.100.2 }'
      : 'Take another kind of network for it.',
  });
}

/** A definition as a monitor can run it. */
export interface Adapted {
  readonly spec: VmSpec;
  /** What the machine has otherwise than it says, for people. */
  readonly says: string | undefined;
}

/**
 * One that joins no private links puts the machine at the same address on the bridge of its host, where machines that need one another meet as well. One that gives no network card at all runs it
 * closed to the world. Throws `vmm-cannot` where the machine needs others, which it would not reach.
 */
export function onVmm(spec: VmSpec, vmm: Vmm, host: string): Adapted {
  const { name, network, needs } = spec;
  if (!vmm.abilities.has('user-network') && vmm.abilities.has('host-ports')) {
    if (needs.length > 0) {
      const text = `${name} needs ${needs.join(', ')}, and under ${vmm.title} machines have no network card: they do not reach one another.`;
      throw new VmkitError('spec', 'vmm-cannot', text, {
        hint: 'Put the services into one machine, or take a phone with root, whose machines are on a bridge.',
      });
    }
    const says = `${name} has no network card under ${vmm.title}: it reaches nothing, nothing but ${host}'s cable reaches it, and it ends with the phone's debugging. Its UDP ports are not opened. vmkit forward ${name} opens its others here.`;
    return { spec: { ...spec, network: { kind: 'user', world: 'none', hostAccess: [] } }, says };
  }
  if (vmm.abilities.has('stream') || network.kind !== 'private') return { spec, says: undefined };
  return {
    spec: { ...spec, network: { kind: 'bridge', address: network.address } },
    says: `${name} is on the bridge of ${host} in place of a private link, at the same address: it reaches ${host}, too.`,
  };
}
