import { openPorts } from '../machine/ports.ts';
import { networkOf, worldOf } from '../spec/networks/networks.ts';
import { USER_NETWORK } from '../spec/networks/user-network.ts';
import { cannot, EXPORTED_FILES, type ExportedMachine } from './machine.ts';

/** What is lost or otherwise under any engine. */
export function commonNotes(machine: ExportedMachine): string[] {
  const open = openPorts(machine).map(portName);
  const shut = machine.ports.filter(({ hostPort }) => hostPort === undefined).map(portName);
  const isShutByWorld = ({ kind }: ExportedMachine['network']): boolean => kind === 'user' || kind === 'private';
  const closed = isShutByWorld(machine.network)
    ? machine.ports.map(portName).filter((name) => !open.includes(name) && !shut.includes(name))
    : [];
  return [
    ...(machine.needs.length === 0
      ? []
      : [`It needs ${machine.needs.join(', ')}: export that too, and start it first.`]),
    ...(shut.length === 0
      ? []
      : [`These ports have no \`host\` in vm.yaml and are not forwarded: ${shut.join(', ')}.`]),
    ...(closed.length === 0
      ? []
      : [`These UDP ports are closed by \`world: none\`: their answers would have no way out: ${closed.join(', ')}.`]),
    'No verb of vmkit reaches it here: shell, probe, expose, backup. What `backup` in vm.yaml runs before a backup runs only when vmkit asks; `rollback` and `notify` are for `vmkit boot` and `vmkit health`.',
    `\`${EXPORTED_FILES['vmkit-data']}\` has ${machine.dataMib} MiB when it is made, and does not grow with a later export: \`truncate -s\`, then \`resize2fs\`, while it is off.`,
    "vmkit overwrites the secrets disk once the guest has read it. Here it stays readable for the guest's root.",
  ];
}

function portName({ service, name }: ExportedMachine['ports'][number]): string {
  return `${service}/${name}`;
}

/** What becomes of `world` where QEMU's user network is there, and vmkit's gate is not. */
export function worldNotes({ network }: ExportedMachine): string[] {
  const { world, hostAccess } = worldOf(network);
  if (world !== 'internet') return [];
  const access = hostAccess.length === 0 ? '' : ' (`hostAccess` included)';
  return [
    `\`world: internet\` is kept by vmkit's gate${access}, which is not here: the guest reaches this host's loopback at ${USER_NETWORK.gateway}. \`network: { world: none }\` in vm.yaml closes it, and the way out.`,
  ];
}

/** The ports that an engine opens on its host. */
export function forwardsOf(machine: ExportedMachine): ReturnType<typeof openPorts> {
  return openPorts(machine);
}

/** The address of a multicast group that the machines of a private network share, after the network's own: 192.168.100.0 is 239.168.100.1. */
export function privateGroup({ network }: ExportedMachine): string {
  const [, second = '0', third = '0'] = networkOf(network).card?.addresses[0]?.split('.') ?? [];
  return `239.${second}.${third}.1`;
}

/** Refuses networks whose second card is on the host's own bridge or interface. */
export function requireNoHostCard(machine: ExportedMachine, engine: string): void {
  const { kind } = machine.network;
  if (kind !== 'bridge' && kind !== 'macvtap') return;
  throw cannot(
    engine,
    machine.name,
    `it has \`network: { kind: ${kind} }\`, an address on this host's network`,
    'Export to libvirt, or give it `kind: user` and ports in its vm.yaml.',
  );
}
