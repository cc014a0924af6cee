import { VmkitError } from '../core/errors.ts';
import { type MachinePaths, machinePaths } from '../core/paths.ts';
import { isRunning } from '../host/background.ts';
import type { Context } from '../host/context.ts';
import { freePort } from '../host/tcp.ts';
import { zeroAndDelete } from '../host/zero-file.ts';
import { DISK_SERIALS } from '../spec/disks.ts';
import type { Service } from '../spec/service.ts';
import { IMPLICIT_SERVICE } from '../spec/services/registry.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { decideAccelerator } from './accelerator.ts';
import { requireAnswers } from './answers.ts';
import { bootFailure } from './boot-failure.ts';
import type { BootProgress } from './boot-progress.ts';
import { type BootDeadlines, bootDeadlines, followBoot } from './follow.ts';
import { openPorts } from './ports.ts';
import type { MachinePlan, PlannedDisk } from './qemu.ts';
import { qemuFacts } from './qemu-facts.ts';
import { endMachine, startMachine } from './run.ts';
import { clearState, type MachineState, type OpenPort, writeState } from './state.ts';

/** What a boot needs beside the definition; all of it is there already. */
export interface BootRequest {
  readonly spec: VmSpec;
  /** Absolute paths of artifacts. */
  readonly files: {
    readonly kernel: string;
    readonly initramfs: string;
    readonly root: string;
    readonly components: string | undefined;
  };
  /** The ext4 UUID that the guest must find on the data disk. */
  readonly dataUuid: string;
  /** The archive on the secrets disk. */
  readonly secrets: Uint8Array;
  readonly tells: MachineState['tells'];
  /** Kind of artifact → key. */
  readonly artifacts: Readonly<Record<string, string>>;
}

export interface Booted {
  readonly state: MachineState;
  readonly progress: BootProgress;
}

/**
 * Starts a machine that does not run and follows it until every service answers on this host. Call it with the machine's lock held.
 * Interrupted, it leaves nothing that runs. Failed, it leaves what runs, to be looked at.
 */
export async function bootMachine(request: BootRequest, context: Context): Promise<Booted> {
  const paths = machinePaths(context.paths, request.spec.name);
  const { plan, state } = await planMachine(request, paths, context);
  await context.host.write(paths.secretsDisk, request.secrets, 0o600);
  try {
    context.report({ kind: 'phase', text: `starts QEMU (${state.accelerator.reason})` });
    const process = await startMachine(plan, paths);
    const started: MachineState = { ...state, ...process };
    try {
      await writeState(paths, started, context);
      return await followMachine(started, request.spec.services, context);
    } catch (error) {
      if (!(error instanceof VmkitError && error.kind === 'interrupted')) throw error;
      await endMachine(process);
      await clearState(paths);
      throw error;
    }
  } finally {
    await zeroAndDelete(paths.secretsDisk);
  }
}

/** Follows a machine that runs until every service answers: what is left of a boot, or nothing where it is done. */
export async function followMachine(
  state: MachineState,
  services: readonly Pick<Service, 'ready'>[],
  context: Context,
): Promise<Booted> {
  const paths = machinePaths(context.paths, state.name);
  const deadlines: BootDeadlines = bootDeadlines(services);
  const followed = await followBoot(state, state.services, paths, deadlines, context);
  if (followed.end.kind !== 'booted') {
    throw await bootFailure(state.name, followed, deadlines, paths, isRunning(state));
  }
  await requireAnswers(state.ports, state.name, context);
  return { state, progress: followed.progress };
}

async function planMachine(
  { spec, files, dataUuid, tells, artifacts }: BootRequest,
  paths: MachinePaths,
  context: Context,
): Promise<{ plan: MachinePlan; state: Omit<MachineState, 'pid' | 'startTime'> }> {
  const facts = await qemuFacts(spec.arch, context);
  const ports = await withSshPort(openPorts(spec), spec.services);
  const sshPort = ports.find(({ service }) => service === IMPLICIT_SERVICE)?.hostPort;
  if (sshPort === undefined) throw new TypeError('A machine without its ssh service.');
  const base: Omit<MachinePlan, 'accelerator'> = {
    name: spec.name,
    arch: spec.arch,
    cpus: spec.cpus,
    memoryMib: spec.memoryMib,
    kernel: files.kernel,
    initramfs: files.initramfs,
    commandLine: commandLine(spec, dataUuid),
    disks: disks(files, paths),
    forwards: ports,
    consoleSocket: paths.consoleSocket,
    consoleLog: paths.consoleLog,
    qmpSocket: paths.qmpSocket,
    hasSandbox: facts.hasSandbox,
  };
  const version = `${facts.version}\n${artifacts['kernel'] ?? ''}`;
  const accelerator = await decideAccelerator({ plan: base, version }, context);
  const state = {
    version: 1 as const,
    name: spec.name,
    startedAt: new Date().toISOString(),
    accelerator,
    cpus: spec.cpus,
    memoryMib: spec.memoryMib,
    services: spec.services.map(({ name }) => name),
    ports,
    sshPort,
    tells: [...tells],
    artifacts: { ...artifacts },
  };
  return { plan: { ...base, accelerator: accelerator.name }, state };
}

/** Nothing secret is on it: every process of the host and of the guest can read it. */
export function commandLine({ arch, name }: Pick<VmSpec, 'arch' | 'name'>, dataUuid: string): string {
  const console = arch === 'arm64' ? 'ttyAMA0' : 'ttyS0';
  return `console=${console} quiet panic=-1 vmkit.hostname=${name} vmkit.data=${dataUuid}`;
}

function disks(files: BootRequest['files'], paths: MachinePaths): PlannedDisk[] {
  const readOnly = (serial: string, path: string): PlannedDisk => ({ serial, path, isReadOnly: true });
  return [
    readOnly(DISK_SERIALS.root, files.root),
    ...(files.components === undefined ? [] : [readOnly(DISK_SERIALS.components, files.components)]),
    { serial: DISK_SERIALS.data, path: paths.dataDisk, isReadOnly: false },
    readOnly(DISK_SERIALS.secrets, paths.secretsDisk),
  ];
}

/** vmkit's own way in gets any free port where the definition names none. */
async function withSshPort(ports: readonly OpenPort[], services: readonly Service[]): Promise<OpenPort[]> {
  if (ports.some(({ service }) => service === IMPLICIT_SERVICE)) return [...ports];
  const ssh = services.find(({ name }) => name === IMPLICIT_SERVICE)?.ports[0];
  if (ssh === undefined) return [...ports];
  const { name, protocol, port: guestPort } = ssh;
  return [...ports, { service: IMPLICIT_SERVICE, name, protocol, guestPort, hostPort: await freePort() }];
}
