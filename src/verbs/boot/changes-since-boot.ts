import { describeMachine } from '../../machine/plan.ts';
import { addressOf, openPorts } from '../../machine/ports.ts';
import type { MachineState, OpenPort } from '../../machine/state/state.ts';
import { IMPLICIT_SERVICE } from '../../spec/services/registry.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { PlannedArtifact } from '../build/plan-artifacts.ts';

/** What an artifact is made from, in the words of a definition. */
const MADE_FROM: Readonly<Record<string, string>> = {
  kernel: 'the kernel, or what it is built from',
  root: 'the packages',
  components: 'the components',
  initramfs: 'settings, scripts or files of services',
};

type Running = Pick<MachineState, 'cpus' | 'memoryMib' | 'services' | 'ports' | 'needs' | 'network' | 'artifacts'>;

/**
 * What a definition says otherwise than the machine was booted with, a line each, for people. `diskMib` is the size of its data disk. Settings of services are told
 * by the artifact that holds them, and only where nothing else has changed it.
 */
export function changesSinceBoot(
  state: Running,
  spec: VmSpec,
  diskMib: number | undefined,
  planned: readonly Pick<PlannedArtifact, 'kind' | 'key'>[],
): readonly string[] {
  const ofMachine = [
    ...changed('cpus', state.cpus, spec.cpus),
    ...changed('memory', `${state.memoryMib}MiB`, `${spec.memoryMib}MiB`),
    ...(diskMib === undefined ? [] : changed('data', `${diskMib}MiB`, `${spec.dataMib}MiB`)),
    ...changed('needs', listText(state.needs), listText(spec.needs)),
  ];
  const ofGuest = [
    ...changed('network', networkText(state.network), networkText(spec.network)),
    ...changed('services', listText(state.services), listText(spec.services.map(({ name }) => name))),
    ...changedPorts(state.ports, openPorts(describeMachine(spec))),
  ];
  const artifacts = planned.flatMap(({ kind, key }) =>
    key !== undefined && kind in state.artifacts && state.artifacts[kind] !== key ? [kind] : [],
  );
  const others = artifacts.filter((kind) => kind !== 'initramfs' || ofGuest.length === 0);
  return [...ofMachine, ...ofGuest, ...others.map((kind) => MADE_FROM[kind] ?? kind)];
}

function changed(key: string, was: string | number, is: string | number): string[] {
  return was === is ? [] : [`${key}: ${is}; it runs with ${was}`];
}

/** vmkit's own way in has any port, where the definition names none. */
function changedPorts(open: readonly OpenPort[], wanted: readonly OpenPort[]): string[] {
  const nameOf = ({ service, name }: OpenPort): string => `port ${name} of ${service}`;
  const all = [...new Map([...open, ...wanted].map((port) => [nameOf(port), port])).values()];
  return all.flatMap((port) => {
    const was = open.find((each) => nameOf(each) === nameOf(port));
    const is = wanted.find((each) => nameOf(each) === nameOf(port));
    if (is === undefined && port.service === IMPLICIT_SERVICE) return [];
    return changed(nameOf(port), portText(was), portText(is));
  });
}

function portText(port: OpenPort | undefined): string {
  return port === undefined ? 'closed' : `${addressOf(port)} to ${port.guestPort}`;
}

function listText(names: readonly string[]): string {
  return names.length === 0 ? 'none' : [...names].sort().join(', ');
}

/** `private, address 192.168.100.2, world internet`. */
function networkText(network: MachineState['network'] | VmSpec['network']): string {
  const { kind, ...rest } = network;
  const settings = Object.entries(rest).flatMap(([key, value]) =>
    value === undefined || (Array.isArray(value) && value.length === 0) ? [] : [`${key} ${value}`],
  );
  return [kind, ...settings.sort()].join(', ');
}
