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
    ...(world === undefined ? [] : ['user-network' as const]),
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

/**
 * The definition as a monitor can run it: one that joins no private links puts the machine at the same address on the bridge of its host, where machines that need one another meet as well. Then the
 * guest reaches that host, and what the host reaches.
 */
export function onVmm(spec: VmSpec, vmm: Vmm): VmSpec {
  if (vmm.abilities.has('stream') || spec.network.kind !== 'private') return spec;
  return { ...spec, network: { kind: 'bridge', address: spec.network.address } };
}
