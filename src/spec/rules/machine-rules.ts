import { networkOf } from '../networks/networks.ts';
import type { Finding } from '../problem.ts';
import type { ServiceEntry } from '../read/read-service.ts';
import type { Definition } from '../read/schema.ts';

/** Rules between a machine, its network and those that it needs, as far as its own definition tells. */
export function checkMachines(definition: Definition, entries: readonly ServiceEntry[]): Finding[] {
  const { name, needs, network } = definition;
  const isAlone = networkOf(network).card === undefined;
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
    ...checkMemory(definition, entries),
    ...checkWorld(definition, entries),
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

/** A limit that is never reached is a slip. */
function checkMemory({ memory }: Definition, entries: readonly ServiceEntry[]): Finding[] {
  return entries
    .filter(({ service }) => (service?.memoryMib ?? 0) >= memory)
    .map(({ path }) => ({
      path: [...path, 'memory'],
      message: `no limit: the whole machine has ${memory}MiB`,
      hint: 'Give the service less than the machine, or leave it out.',
    }));
}

/** A machine without a world sends no datagram out (libslirp, udp_input), and what opens nothing is not asked for. */
function checkWorld({ network }: Definition, entries: readonly ServiceEntry[]): Finding[] {
  if (!('world' in network) || network.world === 'internet') return [];
  const path = ['network', 'world'];
  const udp = entries.find(({ service }) => service?.ports.some((port) => port.protocol === 'udp' && port.hostPort));
  return [
    ...(network.hostAccess.length === 0
      ? []
      : [
          {
            path: ['network', 'hostAccess'],
            message: `world: ${network.world} opens ${network.world === 'host' ? 'every port' : 'no port'} of this host`,
            hint: 'Take world: internet with it.',
          },
        ]),
    ...(network.world === 'none' && udp?.name !== undefined
      ? [{ path, message: `the UDP port of ${udp.name} gets no answers out`, hint: 'Take world: internet.' }]
      : []),
  ];
}
