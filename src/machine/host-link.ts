import { VmkitError } from '../core/errors/errors.ts';
import type { Host } from '../host/host.ts';
import { mayUse } from '../host/may-use.ts';
import { BRIDGE } from '../spec/networks/link-addresses.ts';
import type { MacvtapSpec } from '../spec/networks/network-spec.ts';
import type { VmSpec } from '../spec/vm-spec.ts';

/** IFNAMSIZ (linux/if.h). */
const LONGEST_NAME = 15;

type Machine = Pick<VmSpec, 'name' | 'needs' | 'network'>;

/**
 * What root has to make beforehand for a machine on the bridge or on this host's own network. Throws `bridge-missing` or `macvtap-missing`, with the command that
 * makes it.
 */
export async function requireHostLink({ name, needs, network }: Machine, host: Host): Promise<void> {
  if (network.kind !== 'bridge' && network.kind !== 'macvtap') return;
  if (name.length > LONGEST_NAME) {
    const text = `Its interface has the name of the machine, and ${name} is longer than ${LONGEST_NAME} characters.`;
    throw new VmkitError('spec', 'name-too-long', text);
  }
  if (network.kind === 'macvtap') await requireMacvtap(name, network, host);
  else await requirePort(name, needs, network.address, host);
}

async function requirePort(name: string, needs: readonly string[], address: string, host: Host): Promise<void> {
  if ((await host.stat(`/sys/class/net/${BRIDGE.interface}/brif/${name}`)) !== undefined) return;
  const taps = [`--tap ${name}=${address}`, ...needs.map((other) => `--tap ${other}=ADDRESS --link ${name}:${other}`)];
  const text = `${name} is to be on the bridge ${BRIDGE.interface}, which has no TAP ${name}.`;
  throw new VmkitError('host', 'bridge-missing', text, {
    hint: `vmkit host setup --subnet ${address.replace(/\d+$/, '0')}/24 ${taps.join(' ')}`,
  });
}

async function requireMacvtap(name: string, { on, address }: MacvtapSpec, host: Host): Promise<void> {
  if ((await host.stat(`/sys/class/net/${name}/macvtap`)) !== undefined) {
    await requireOpens(name, host);
    return;
  }
  const text = `${name} is to be on the network of ${on}, which has no macvtap ${name}.`;
  throw new VmkitError('host', 'macvtap-missing', text, {
    hint: `vmkit host setup --macvtap ${name}=${address.replace(/\/.*/, '')}@${on}`,
  });
}

async function requireOpens(name: string, host: Host): Promise<void> {
  const device = await macvtapDevice(name, host);
  if (await mayUse(device, host)) return;
  throw new VmkitError('host', 'macvtap-missing', `The macvtap ${name} cannot be opened: ${device}`, {
    hint: 'vmkit host teardown, then set it up again as this user.',
  });
}

/** A machine on the bridge opens its TAP by itself, as its own user, or as the host's where `user` is undefined. Throws `bridge-missing` where the TAP is another's. */
export async function requireOwnTap({ name, network }: Machine, user: number | undefined, host: Host): Promise<void> {
  if (network.kind !== 'bridge') return;
  const owner = await readLink(name, 'owner', host);
  const runner =
    user === undefined ? (await host.exec(['id', '-u'], { withinMs: 30_000 })).stdout.trim() : String(user);
  // Root opens each.
  if (owner === runner || runner === '0') return;
  const text = `The TAP ${name} belongs to user ${owner}, and its machine runs as user ${runner}.`;
  throw new VmkitError('host', 'bridge-missing', text, {
    hint: 'vmkit host teardown, then set it up again as this user.',
  });
}

/** The device file of a macvtap, /dev/tap and the number of its interface (linux: drivers/net/macvtap.c). Without the interface there is no number. */
export async function macvtapDevice(name: string, host: Host): Promise<string> {
  return `/dev/tap${await readLink(name, 'ifindex', host)}`;
}

/** A file of an interface in /sys; empty where there is none. */
async function readLink(name: string, file: string, host: Host): Promise<string> {
  const bytes = await host.read(`/sys/class/net/${name}/${file}`);
  return Buffer.from(bytes ?? '')
    .toString('utf8')
    .trim();
}
