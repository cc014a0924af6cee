import { dirname } from 'node:path';
import { machinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { parseGuestEvent } from '../../spec/guest-event.ts';
import { hasLostGate } from '../gate/gate-process.ts';
import { whatStillHolds } from '../held.ts';
import { isTroubleOfFiles, machineNames } from '../state/machines.ts';
import { findRunning } from '../state/running.ts';
import { type MachineState, type OpenPort, readPowerRecord, readState } from '../state/state.ts';
import { isSuspended } from '../state/suspended.ts';
import { vmmOf } from '../vmm/drivers.ts';
import type { Held } from '../vmm/vmm.ts';
import { type BootProgress, emptyProgress, type ServiceProgress, withEvent } from './boot-progress.ts';

/**
 * - crashed: a state is left, but its process is gone: QEMU was killed, or the host was.
 * - paused: its QEMU is there, but no guest code runs; `held` says why.
 * - suspended: its memory is in a file, and it takes nothing but the disk.
 * - degraded: it booted, and now not every service is ready: one does not answer, or ended and was started again.
 */
export type MachineCondition =
  | 'off'
  | 'crashed'
  | 'booting'
  | 'running'
  | 'degraded'
  | 'failed'
  | 'stopping'
  | 'paused'
  | 'suspended';

export interface MachineStatus {
  readonly name: string;
  readonly condition: MachineCondition | 'unknown';
  readonly held: Pick<Held, 'state' | 'text' | 'hint'> | undefined;
  readonly pid: number | undefined;
  readonly upSeconds: number | undefined;
  readonly accelerator: string | undefined;
  readonly kernel: string | undefined;
  /** What the guest has, and what its monitor takes of its host for it and for itself. */
  readonly memory: { readonly guestMib: number; readonly usedMib: number | undefined } | undefined;
  readonly services: readonly ({ readonly name: string } & ServiceProgress)[];
  readonly ports: readonly OpenPort[];
  readonly needs: readonly string[];
  readonly network: MachineState['network'];
  /** Its gate has died: no port answers, and it dials nobody. */
  readonly isCutOff: boolean;
  /** Why nothing is known of it: its files cannot be read, or are somebody else's. */
  readonly trouble: string | undefined;
}

/** All machines of this host. The trouble of one is told in its own place. */
export async function allStatuses(context: Context): Promise<MachineStatus[]> {
  const look = async (name: string): Promise<MachineStatus> => {
    try {
      return await machineStatus(name, context);
    } catch (error) {
      if (!isTroubleOfFiles(error)) throw error;
      return { ...nothing, name, condition: 'unknown', trouble: error.message };
    }
  };
  return Promise.all((await machineNames(context)).map(look));
}

/**
 * How a machine fares, from its state, its events, and QEMU. Asks nothing of the guest, so it never hangs. A guest that waited for room on a disk goes on
 * where there is some.
 */
export async function machineStatus(
  name: string,
  context: Context,
): Promise<MachineStatus & { readonly condition: MachineCondition }> {
  const found = await findRunning(name, context);
  if (found === undefined) {
    const paths = machinePaths(context.paths, name);
    if (await isSuspended(paths, context.host)) return { ...nothing, name, condition: 'suspended' };
    const left = (await readState(paths, context)) ?? (await readPowerRecord(paths, context));
    return { ...nothing, name, condition: left === undefined ? 'off' : 'crashed' };
  }
  const { state } = found;
  const paths = { ...context.paths, state: dirname(dirname(found.stateDir)) };
  const progress = await readProgress(state, { paths, host: context.host });
  const held = await whatStillHolds(state, machinePaths(paths, name), context.host);
  return {
    name,
    condition: held === undefined ? conditionOf(progress) : 'paused',
    held: held === undefined ? undefined : { state: held.state, text: held.text, hint: held.hint },
    pid: state.pid,
    upSeconds: Math.max(0, Math.round((Date.now() - Date.parse(state.startedAt)) / 1000)),
    accelerator: state.accelerator.reason,
    kernel: state.kernel,
    memory: { guestMib: state.memoryMib, usedMib: await vmmOf(state).usedMib(state, context.host) },
    services: [...progress.services].map(([service, its]) => ({ name: service, ...its })),
    ports: state.ports,
    needs: state.needs,
    network: state.network,
    isCutOff: await hasLostGate(state, context.host),
    trouble: undefined,
  };
}

const nothing = {
  held: undefined,
  pid: undefined,
  upSeconds: undefined,
  accelerator: undefined,
  kernel: undefined,
  memory: undefined,
  services: [],
  ports: [],
  needs: [],
  network: { kind: 'user' as const, world: 'none' as const, hostAccess: [] },
  isCutOff: false,
  trouble: undefined,
};

/** All that a running machine has said so far. */
export async function readProgress(
  state: Pick<MachineState, 'name' | 'services'>,
  { host, paths }: Pick<Context, 'host' | 'paths'>,
): Promise<BootProgress> {
  const log = host.log(machinePaths(paths, state.name).eventsLog);
  let progress = emptyProgress(state.services);
  try {
    for await (const line of log.lines()) {
      const event = parseGuestEvent(line, state.services);
      if (event !== undefined) progress = withEvent(progress, event);
    }
    return progress;
  } finally {
    await log.close();
  }
}

export function conditionOf({
  end,
  isStopping,
  services,
}: Pick<BootProgress, 'end' | 'isStopping' | 'services'>): MachineCondition {
  if (isStopping) return 'stopping';
  if (end === undefined) return 'booting';
  if (end.kind !== 'booted') return 'failed';
  return [...services.values()].every(({ state }) => state === 'ready') ? 'running' : 'degraded';
}
