import { type MachinePaths, machinePaths, SOCKETS } from '../core/paths.ts';
import type { Context } from '../host/context.ts';
import type { Host } from '../host/host.ts';
import { readNameServers } from '../host/network/name-servers.ts';
import { DISK_SERIALS } from '../spec/disks.ts';
import { lanAddresses, linkAddresses, type NetworkSpec, worldOf } from '../spec/network.ts';
import type { Service } from '../spec/service.ts';
import { IMPLICIT_SERVICE } from '../spec/services/registry.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { openPorts } from './ports.ts';
import type { MachineState, OpenPort } from './state/state.ts';
import type { Accelerator, Trial } from './vmm/qemu/accelerator.ts';
import type { MachinePlan, PlannedDisk } from './vmm/qemu/argv.ts';
import { qemuFacts } from './vmm/qemu/facts.ts';
import { macvtapDevice } from './vmm/qemu/host-link.ts';
import { logsOf } from './vmm/qemu/recorder.ts';

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
  /** As whom QEMU runs: a number of the machine's own where root starts it, else undefined: as whoever starts it. */
  readonly user: number | undefined;
  readonly tells: MachineState['tells'];
  /** The machine that needs this one, where nobody asked for it by name. */
  readonly startedFor?: string | undefined;
  /** Kind of artifact → key. */
  readonly artifacts: Readonly<Record<string, string>>;
}

type PlanRequest = Omit<BootRequest, 'secrets'>;

/** The command for QEMU and what will be recorded of it. `decide` says what runs the guest's code. */
export async function planMachine(
  { spec, files, kernel, dataUuid, tells, artifacts, startedFor, user }: PlanRequest,
  decide: (trial: Trial, context: Context) => Promise<Accelerator>,
  context: Context,
): Promise<{ plan: MachinePlan; state: Omit<MachineState, 'pid' | 'startTime' | 'gate'> }> {
  const paths = machinePaths(context.paths, spec.name);
  const facts = await qemuFacts(spec.arch, context);
  const ports = await withSshPort(openPorts(spec), spec.services, context.host);
  const sshPort = ports.find(({ service }) => service === IMPLICIT_SERVICE)?.hostPort;
  if (sshPort === undefined) throw new TypeError('A machine without its ssh service.');
  const base: Omit<MachinePlan, 'accelerator'> = {
    name: spec.name,
    arch: spec.arch,
    cpus: spec.cpus,
    memoryMib: spec.memoryMib,
    kernel: files.kernel,
    initramfs: files.initramfs,
    commandLine: commandLine(spec, dataUuid, await nameServers(spec, context)),
    disks: disks(files, paths),
    forwards: ports,
    world: worldOf(spec.network).world,
    link: await plannedLink(spec.name, spec.network, context.host),
    logs: logsOf(paths),
    hasSandbox: facts.hasSandbox,
  };
  const version = `${facts.version}\n${artifacts['kernel'] ?? ''}`;
  const accelerator = await decide({ plan: base, version, user }, context);
  const state = {
    version: 1 as const,
    name: spec.name,
    startedAt: new Date().toISOString(),
    accelerator,
    kernel,
    cpus: spec.cpus,
    memoryMib: spec.memoryMib,
    services: spec.services.map(({ name }) => name),
    ports,
    sshPort,
    tells: [...tells],
    artifacts: { ...artifacts },
    needs: [...spec.needs],
    network: spec.network,
    ...(startedFor === undefined ? {} : { startedFor }),
  };
  return { plan: { ...base, accelerator: accelerator.name }, state };
}

async function plannedLink(name: string, network: NetworkSpec, host: Host): Promise<MachinePlan['link']> {
  switch (network.kind) {
    case 'user':
      return undefined;
    case 'private':
      return { socket: SOCKETS.link, mac: linkAddresses(network).mac };
    case 'bridge':
      return { tap: name, mac: linkAddresses(network).mac };
    case 'macvtap':
      return { device: await macvtapDevice(name, host), mac: lanAddresses(network).mac };
  }
}

/**
 * Nothing secret is on it: every process of the host and of the guest can read it. no_timer_check: on a busy host an emulated processor may miss the
 * kernel's timer test by starvation, which ends in a panic (linux: arch/x86/kernel/apic/io_apic.c; under KVM the kernel skips it by itself).
 */
export function commandLine(
  { arch, name }: Pick<VmSpec, 'arch' | 'name'>,
  dataUuid: string,
  nameServers: readonly string[] = [],
): string {
  const platform = arch === 'arm64' ? 'console=ttyAMA0' : 'console=ttyS0 no_timer_check';
  const dns = nameServers.length === 0 ? '' : ` vmkit.dns=${nameServers.join(',')}`;
  return `${platform} quiet panic=-1 vmkit.hostname=${name} vmkit.data=${dataUuid}${dns}`;
}

/** A machine with a way of its own into the world asks the name servers that this host asks. */
async function nameServers({ name, network }: VmSpec, context: Context): Promise<readonly string[]> {
  if ('world' in network) return [];
  const found = await readNameServers(context);
  if (found.length === 0) {
    const text = `This host names no name server that another machine could ask: ${name} resolves no names.`;
    context.report({ kind: 'note', text });
  }
  return found;
}

function disks(files: BootRequest['files'], paths: MachinePaths): PlannedDisk[] {
  const readOnly = (serial: string, path: string | undefined): PlannedDisk => ({ serial, path, isReadOnly: true });
  return [
    readOnly(DISK_SERIALS.root, files.root),
    ...(files.components === undefined ? [] : [readOnly(DISK_SERIALS.components, files.components)]),
    ...(files.modules === undefined ? [] : [readOnly(DISK_SERIALS.modules, files.modules)]),
    { serial: DISK_SERIALS.data, path: paths.dataDisk, isReadOnly: false },
    readOnly(DISK_SERIALS.secrets, undefined),
  ];
}

/** vmkit's own way in gets any free port where the definition names none. */
async function withSshPort(ports: readonly OpenPort[], services: readonly Service[], host: Host): Promise<OpenPort[]> {
  if (ports.some(({ service }) => service === IMPLICIT_SERVICE)) return [...ports];
  const ssh = services.find(({ name }) => name === IMPLICIT_SERVICE)?.ports[0];
  if (ssh === undefined) return [...ports];
  const { name, protocol, port: guestPort } = ssh;
  return [...ports, { service: IMPLICIT_SERVICE, name, protocol, guestPort, hostPort: await host.freePort() }];
}
