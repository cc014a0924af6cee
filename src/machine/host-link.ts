import { existsSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { isSystemError, VmkitError } from '../core/errors.ts';
import { BRIDGE, type MacvtapSpec } from '../spec/network.ts';
import type { VmSpec } from '../spec/vm-spec.ts';

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
  if (existsSync(`/sys/class/net/${name}/macvtap`)) return;
  const text = `${name} is to be on the network of ${on}, which has no macvtap ${name}.`;
  throw new VmkitError('host', 'macvtap-missing', text, {
    hint: `vmkit host setup --macvtap ${name}=${address.replace(/\/.*/, '')}@${on}`,
  });
}

/** The device file of a macvtap, /dev/tap and the number of its interface (linux: drivers/net/macvtap.c). The caller closes it. */
export async function openMacvtap(name: string): Promise<FileHandle> {
  const path = `/dev/tap${(await readFile(`/sys/class/net/${name}/ifindex`, 'utf8')).trim()}`;
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (!isSystemError(error, 'EACCES') && !isSystemError(error, 'ENOENT')) throw error;
    throw new VmkitError('host', 'macvtap-missing', `The macvtap ${name} cannot be opened: ${path}`, {
      hint: 'vmkit host teardown, then set it up again as this user.',
    });
  }
}
