import { existsSync } from 'node:fs';
import { VmkitError } from '../core/errors.ts';
import { BRIDGE } from '../spec/network.ts';
import type { VmSpec } from '../spec/vm-spec.ts';

/** IFNAMSIZ (linux/if.h). */
const LONGEST_NAME = 15;

/** Throws `bridge-missing` where a machine is to be on the bridge and its TAP is no port of it, with the command that makes it one. */
export function requireBridgePort({ name, needs, network }: Pick<VmSpec, 'name' | 'needs' | 'network'>): void {
  if (network.kind !== 'bridge') return;
  if (name.length > LONGEST_NAME) {
    throw new VmkitError(
      'spec',
      'bridge-missing',
      `A TAP has the name of its machine, and ${name} is longer than ${LONGEST_NAME} characters.`,
    );
  }
  if (existsSync(`/sys/class/net/${BRIDGE.interface}/brif/${name}`)) return;
  const taps = [
    `--tap ${name}=${network.address}`,
    ...needs.map((other) => `--tap ${other}=ADDRESS --link ${name}:${other}`),
  ];
  const subnet = `${network.address.replace(/\d+$/, '0')}/24`;
  throw new VmkitError(
    'host',
    'bridge-missing',
    `${name} is to be on the bridge ${BRIDGE.interface}, which has no TAP ${name}.`,
    {
      hint: `vmkit host setup --subnet ${subnet} ${taps.join(' ')}`,
    },
  );
}
