import { VmkitError } from '../../../core/errors/errors.ts';
import type { Host } from '../../../host/host.ts';
import { networkOf } from '../../../spec/networks/networks.ts';
import type { PlacedMachine } from '../../placing.ts';

/**
 * Throws `bridge-missing` where a machine's TAP is not there, or is a port of no bridge: crosvm would make the one, and take the other, and the guest would have a card and no
 * network.
 */
export async function requireTap({ name, network }: PlacedMachine, host: Host): Promise<void> {
  if (networkOf(network).card === undefined) return;
  if ((await host.stat(`/sys/class/net/${name}/master`)) !== undefined) return;
  const isThere = (await host.stat(`/sys/class/net/${name}`)) !== undefined;
  const text = isThere ? `The TAP ${name} of ${host.name} is a port of no bridge.` : `${host.name} has no TAP ${name}.`;
  throw new VmkitError('host', 'bridge-missing', text, { hint: 'vmkit host setup puts it there.' });
}
