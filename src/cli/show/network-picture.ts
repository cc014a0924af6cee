import type { MachineStatus } from '../../machine/follow/status.ts';
import { addressOf } from '../../machine/ports.ts';
import { networkOf } from '../../spec/networks/networks.ts';
import { table } from './table.ts';

export type PicturedMachine = Pick<MachineStatus, 'name' | 'condition' | 'ports' | 'needs' | 'network'>;

/** All machines of this host as a small picture: which network each is on, who is up, which port leads where. */
export function networkPicture(machines: readonly PicturedMachine[]): string {
  if (machines.length === 0) return 'No machines yet. vmkit boot miniflux makes one.';
  const networks = [...new Set(machines.map(titleOf))].sort();
  return networks
    .map((network) => [network, branches(machines.filter((machine) => titleOf(machine) === network))].join('\n'))
    .join('\n\n');
}

const OFF = 'off';
const UNKNOWN = 'unknown: their files cannot be read';

function titleOf({ condition, network }: PicturedMachine): string {
  if (condition === 'off' || condition === 'crashed' || condition === 'suspended') return OFF;
  if (condition === 'unknown') return UNKNOWN;
  return networkOf(network).title;
}

function branches(machines: readonly PicturedMachine[]): string {
  const rows = machines.flatMap((machine, at) => {
    const isLast = at === machines.length - 1;
    const { name, condition, network, needs, ports } = machine;
    const needed = needs.length === 0 ? '' : `needs ${needs.join(', ')}`;
    const [first, ...rest] = ports.map((port) => `${addressOf(port)} ──▶ ${port.service}:${port.guestPort}`);
    return [
      [`${isLast ? '└─' : '├─'} ${name}`, networkOf(network).address, condition, first ?? '', needed],
      ...rest.map((port) => [isLast ? '' : '│', '', '', port]),
    ];
  });
  return table(rows);
}
