import type { Finding } from './problem.ts';
import type { ServiceEntry } from './read-service.ts';
import type { Definition } from './schema.ts';

/** Rules between a machine and those that it needs, as far as its own definition tells. */
export function checkMachines({ name, needs, network }: Definition, entries: readonly ServiceEntry[]): Finding[] {
  const isAlone = network.kind === 'user';
  const self = needs.indexOf(name);
  return [
    ...(self < 0 ? [] : [{ path: ['needs', self], message: `a cycle: ${name} → ${name}`, hint: 'Remove it.' }]),
    ...(isAlone && needs.length > 0
      ? [
          {
            path: ['needs'],
            atKey: true,
            message: 'no network leads to them',
            hint: 'network: { kind: private, address: 192.168.100.3 }',
          },
        ]
      : []),
    ...entries.flatMap(({ service, path }) =>
      (service?.secrets ?? [])
        .flatMap(({ from }) => (from === undefined || needs.includes(from.machine) ? [] : [from.machine]))
        .map((machine) => ({
          path,
          message: `its secret comes from the machine ${machine}, which this one does not need`,
          hint: `Add at the top: needs: [${machine}]`,
        })),
    ),
  ];
}
