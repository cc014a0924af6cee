import type { MachineStatus } from '../../machine/follow/status.ts';
import { addressOf } from '../../machine/ports.ts';
import { BRIDGE, linkAddresses } from '../../spec/network.ts';
import { table } from './table.ts';

export type PicturedMachine = Pick<MachineStatus, 'name' | 'condition' | 'ports' | 'needs' | 'network'>;

/** All machines of this host as a small picture: which network each is on, who is up, which port leads where. */
export function networkPicture(machines: readonly PicturedMachine[]): string {
  if (machines.length === 0) return 'No machines yet. vmkit boot miniflux makes one.';
  const networks = [...new Set(machines.map(networkOf))].sort();
  return networks
    .map((network) => [network, branches(machines.filter((machine) => networkOf(machine) === network))].join('\n'))
    .join('\n\n');
}

const USER = "user network (QEMU's own), ports on 127.0.0.1";
const OFF = 'off';
const UNKNOWN = 'unknown: their files cannot be read';

function networkOf({ condition, network }: PicturedMachine): string {
  if (condition === 'off' || condition === 'crashed') return OFF;
  if (condition === 'unknown') return UNKNOWN;
  if (network.kind === 'user') return USER;
  if (network.kind === 'macvtap') return `network of ${network.on}`;
  const where = network.kind === 'bridge' ? `bridge ${BRIDGE.interface}` : 'private network';
  return `${where} ${linkAddresses(network).network}/24`;
}

function branches(machines: readonly PicturedMachine[]): string {
  const rows = machines.flatMap((machine, at) => {
    const isLast = at === machines.length - 1;
    const { name, condition, network, needs, ports } = machine;
    const address = network.kind === 'user' ? '' : network.address;
    const needed = needs.length === 0 ? '' : `needs ${needs.join(', ')}`;
    const [first, ...rest] = ports.map((port) => `${addressOf(port)} ──▶ ${port.service}:${port.guestPort}`);
    return [
      [`${isLast ? '└─' : '├─'} ${name}`, address, condition, first ?? '', needed],
      ...rest.map((port) => [isLast ? '' : '│', '', '', port]),
    ];
  });
  return table(rows);
}
