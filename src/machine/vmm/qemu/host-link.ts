import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { isSystemError, VmkitError } from '../../../core/errors.ts';
import { BRIDGE, type MacvtapSpec } from '../../../spec/network.ts';
import type { VmSpec } from '../../../spec/vm-spec.ts';

/** IFNAMSIZ (linux/if.h). */
const LONGEST_NAME = 15;

type Machine = Pick<VmSpec, 'name' | 'needs' | 'network'>;

/**
 * What root has to make beforehand for a machine on the bridge or on this host's own network. Throws `bridge-missing` or `macvtap-missing`, with the command that
 * makes it.
 */
export function requireHostLink({ name, needs, network }: Machine): void {
  if (network.kind !== 'bridge' && network.kind !== 'macvtap') return;
  if (name.length > LONGEST_NAME) {
    const text = `Its interface has the name of the machine, and ${name} is longer than ${LONGEST_NAME} characters.`;
    throw new VmkitError('spec', 'name-too-long', text);
  }
  if (network.kind === 'macvtap') requireMacvtap(name, network);
  else requirePort(name, needs, network.address);
}

function requirePort(name: string, needs: readonly string[], address: string): void {
  if (existsSync(`/sys/class/net/${BRIDGE.interface}/brif/${name}`)) return;
  const taps = [`--tap ${name}=${address}`, ...needs.map((other) => `--tap ${other}=ADDRESS --link ${name}:${other}`)];
  const text = `${name} is to be on the bridge ${BRIDGE.interface}, which has no TAP ${name}.`;
  throw new VmkitError('host', 'bridge-missing', text, {
    hint: `vmkit host setup --subnet ${address.replace(/\d+$/, '0')}/24 ${taps.join(' ')}`,
  });
}

function requireMacvtap(name: string, { on, address }: MacvtapSpec): void {
  if (existsSync(`/sys/class/net/${name}/macvtap`)) {
    requireOpens(name);
    return;
  }
  const text = `${name} is to be on the network of ${on}, which has no macvtap ${name}.`;
  throw new VmkitError('host', 'macvtap-missing', text, {
    hint: `vmkit host setup --macvtap ${name}=${address.replace(/\/.*/, '')}@${on}`,
  });
}

function requireOpens(name: string): void {
  try {
    accessSync(macvtapDevice(name), constants.R_OK | constants.W_OK);
  } catch {
    throw new VmkitError('host', 'macvtap-missing', `The macvtap ${name} cannot be opened: ${macvtapDevice(name)}`, {
      hint: 'vmkit host teardown, then set it up again as this user.',
    });
  }
}

/** A machine on the bridge opens its TAP by itself, as its own user. Throws `bridge-missing` where the TAP is another's. */
export function requireOwnTap({ name, network }: Machine, user: number): void {
  if (network.kind !== 'bridge' || readLink(name, 'owner') === String(user)) return;
  const text = `The TAP ${name} belongs to user ${readLink(name, 'owner')}, and its machine runs as user ${user}.`;
  throw new VmkitError('host', 'bridge-missing', text, {
    hint: 'vmkit host teardown, then set it up again as this user.',
  });
}

/** The device file of a macvtap, /dev/tap and the number of its interface (linux: drivers/net/macvtap.c). Without the interface there is no number. */
export function macvtapDevice(name: string): string {
  return `/dev/tap${readLink(name, 'ifindex')}`;
}

/** A file of an interface in /sys; empty where there is none. */
function readLink(name: string, file: string): string {
  try {
    return readFileSync(`/sys/class/net/${name}/${file}`, 'utf8').trim();
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return '';
    throw error;
  }
}
