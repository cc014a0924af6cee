import { type MachinePaths, machinePaths } from '../core/paths.ts';
import type { Context } from '../host/context.ts';
import type { Host } from '../host/host.ts';
import { readNameServers } from '../host/network/name-servers.ts';
import { DISK_SERIALS, type DiskSerial } from '../spec/disks.ts';
import { networkOf } from '../spec/networks/networks.ts';
import { IMPLICIT_SERVICE } from '../spec/services/registry.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { DescribedDisk, MachineDescription } from './description.ts';
import { macvtapDevice } from './host-link.ts';
import type { PlacedMachine } from './placing.ts';
import { openPorts } from './ports.ts';
import type { MachineState, OpenPort } from './state/state.ts';
import { logsOf } from './vmm/launch/recorder.ts';
import type { Accelerator, Trial, Vmm } from './vmm/vmm.ts';

/** What a boot needs beside the definition; all of it is there already. */
export interface BootRequest {
  readonly spec: VmSpec;
  /** Absolute paths of artifacts. */
  readonly files: {
    readonly kernel: string;
    readonly initramfs: string;
    readonly root: string;
    readonly components: string | undefined;
    /** Undefined for a kernel without modules. */
    readonly modules: string | undefined;
  };
  /** For people: `Linux 6.12.9, vmkit's own`. */
  readonly kernel: string;
  /** The ext4 UUID that the guest must find on the data disk. */
  readonly dataUuid: string;
  /** The archive on the secrets disk. */
  readonly secrets: Uint8Array;
  /** As whom the monitor runs: a number of the machine's own where root starts it, else undefined: as whoever starts it. */
  readonly user: number | undefined;
  readonly tells: MachineState['tells'];
  /** The machine that needs this one, where nobody asked for it by name. */
  readonly startedFor?: string | undefined;
  /** Kind of artifact → key. */
  readonly artifacts: Readonly<Record<string, string>>;
}

type PlanRequest = Omit<BootRequest, 'secrets'>;

/** What a definition makes of a machine; `hasModules`: its kernel comes with a disk of modules. Pure: no host, no monitor. */
export function describeMachine(
  spec: VmSpec,
  { hasModules = false }: { readonly hasModules?: boolean } = {},
): MachineDescription {
  const { name, arch, cpus, memoryMib, network, needs, services } = spec;
  const readOnly = (serial: DiskSerial): DescribedDisk => ({ serial, isReadOnly: true });
  return {
    name,
    arch,
    cpus,
    memoryMib,
    network,
    needs,
    disks: [
      readOnly(DISK_SERIALS.root),
      ...(services.some(({ components }) => components.length > 0) ? [readOnly(DISK_SERIALS.components)] : []),
      ...(hasModules ? [readOnly(DISK_SERIALS.modules)] : []),
      { serial: DISK_SERIALS.data, isReadOnly: false },
      readOnly(DISK_SERIALS.secrets),
    ],
    services: services.map((service) => service.name),
    ports: services.flatMap((service) =>
      service.ports.map(({ name, protocol, port, hostPort }) => ({
        service: service.name,
        name,
        protocol,
        guestPort: port,
        hostPort,
      })),
    ),
  };
}

/** What a machine gets of its host, and what will be recorded of it. `decide` says what runs the guest's code. */
export async function placeMachine(
  { spec, files, kernel, dataUuid, tells, artifacts, startedFor, user }: PlanRequest,
  vmm: Vmm,
  decide: (trial: Trial, context: Context) => Promise<Accelerator>,
  context: Context,
): Promise<{ placed: PlacedMachine; state: Omit<MachineState, 'pid' | 'startTime' | 'gate'> }> {
  const machine = describeMachine(spec, { hasModules: files.modules !== undefined });
  const paths = machinePaths(context.paths, spec.name);
  const facts = await vmm.facts(machine.arch, context);
  const ports = await withSshPort(machine, context.host);
  const sshPort = ports.find(({ service }) => service === IMPLICIT_SERVICE)?.hostPort;
  if (sshPort === undefined) throw new TypeError('A machine without its ssh service.');
  const base: Omit<PlacedMachine, 'accelerator'> = {
    ...machine,
    facts,
    kernel: files.kernel,
    initramfs: files.initramfs,
    commandLine: commandLine(machine, vmm, dataUuid, await nameServers(machine, context)),
    diskFiles: diskFiles(files, paths),
    forwards: ports,
    device: await deviceOf(machine, context.host),
    logs: logsOf(paths),
  };
  const version = `${facts.version}\n${artifacts['kernel'] ?? ''}`;
  const accelerator = await decide({ machine: base, version, user }, context);
  const state = {
    version: 1 as const,
    name: machine.name,
    vmm: vmm.name,
    startedAt: new Date().toISOString(),
    accelerator,
    kernel,
    cpus: machine.cpus,
    memoryMib: machine.memoryMib,
    services: [...machine.services],
    ports,
    sshPort,
    tells: [...tells],
    artifacts: { ...artifacts },
    needs: [...machine.needs],
    network: machine.network,
    ...(startedFor === undefined ? {} : { startedFor }),
  };
  return { placed: { ...base, accelerator: accelerator.name }, state };
}

async function deviceOf({ name, network }: MachineDescription, host: Host): Promise<string | undefined> {
  return networkOf(network).card?.end === 'macvtap' ? macvtapDevice(name, host) : undefined;
}

/** Nothing secret is on it: every process of the host and of the guest can read it. */
function commandLine(
  { arch, name }: MachineDescription,
  vmm: Vmm,
  dataUuid: string,
  nameServers: readonly string[],
): string {
  const dns = nameServers.length === 0 ? '' : ` vmkit.dns=${nameServers.join(',')}`;
  return `${vmm.kernelParameters(arch)} quiet panic=-1 vmkit.hostname=${name} vmkit.data=${dataUuid}${dns}`;
}

/** A machine with a way of its own into the world asks the name servers that this host asks. */
async function nameServers({ name, network }: MachineDescription, context: Context): Promise<readonly string[]> {
  if (networkOf(network).world !== undefined) return [];
  const found = await readNameServers(context);
  if (found.length === 0) {
    const text = `This host names no name server that another machine could ask: ${name} resolves no names.`;
    context.report({ kind: 'note', text });
  }
  return found;
}

function diskFiles(
  { root, components, modules }: BootRequest['files'],
  { dataDisk }: MachinePaths,
): PlacedMachine['diskFiles'] {
  return {
    [DISK_SERIALS.root]: root,
    ...(components === undefined ? {} : { [DISK_SERIALS.components]: components }),
    ...(modules === undefined ? {} : { [DISK_SERIALS.modules]: modules }),
    [DISK_SERIALS.data]: dataDisk,
  };
}

/** vmkit's own way in gets any free port where the definition names none. */
async function withSshPort(machine: MachineDescription, host: Host): Promise<OpenPort[]> {
  const open = openPorts(machine);
  const ssh = machine.ports.find(({ service }) => service === IMPLICIT_SERVICE);
  if (ssh === undefined || open.some(({ service }) => service === IMPLICIT_SERVICE)) return open;
  return [...open, { ...ssh, hostPort: await host.freePort() }];
}
