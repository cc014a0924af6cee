import { poll } from '../core/deadline.ts';
import type { MachinePaths } from '../core/paths.ts';
import type { Host, HostProcess } from '../host/host.ts';
import { terminate } from '../host/terminate.ts';
import { startGate } from './gate/gate-process.ts';
import type { PlacedMachine } from './placing.ts';
import type { LockedMachine } from './state/machine-lock.ts';
import { type Started, writeStarted } from './state/started.ts';
import { type MachineState, readPowerRecord } from './state/state.ts';
import { vmmOf } from './vmm/drivers.ts';
import type { Start } from './vmm/vmm.ts';

/** A shell's start on a host that has much to do. */
const DECIDED_WITHIN_MS = 30_000;

/** What of a machine runs on its host. */
export interface StartedMachine extends HostProcess {
  /** Between the guest and the world. */
  readonly gate?: HostProcess | undefined;
}

interface Beginning {
  readonly placed: PlacedMachine;
  /** What is recorded of it beside its process. */
  readonly state: Omit<MachineState, 'pid' | 'startTime' | 'gate'>;
  readonly user: number | undefined;
  readonly secrets: Uint8Array;
}

/** Starts a machine's monitor in the background with fresh logs, and its gate. No such machine runs, or none that is known. */
export async function startMachine(
  { placed, state, user, secrets }: Beginning,
  machine: LockedMachine,
  host: Host,
): Promise<StartedMachine> {
  const vmm = vmmOf(state);
  const { argv, files } = vmm.command(placed);
  const started: Started = {
    version: 1,
    startedAt: state.startedAt,
    monitor: placed.facts.version,
    argv: [...argv],
    files: [...files],
    accelerator: placed.accelerator,
    ...(user === undefined ? {} : { user }),
    secretsBytes: secrets.length,
  };
  return startAs(started, state, machine, host, (start) => vmm.start(placed, { ...start, user, secrets }, host));
}

/** The same for a monitor that `begin` starts. How it is started is recorded before. */
export async function startAs(
  started: Started,
  state: Beginning['state'],
  { paths }: LockedMachine,
  host: Host,
  begin: (start: Pick<Start, 'runDir' | 'lock'>) => Promise<HostProcess>,
): Promise<StartedMachine> {
  // The console is a root shell.
  await host.makeFolder(paths.stateDir, 0o700);
  if ((await host.stat(paths.powerLock)) === undefined) await host.write(paths.powerLock, '', 0o600);
  await host.remove(paths.gateLog);
  await writeStarted(paths, started, { host });
  // First, so that a monitor that runs has one; it waits for the monitor.
  const gate = await startGate(state.network, paths, host);
  const lock = {
    path: paths.powerLock,
    record: { ...state, gate, bootId: (await host.place()).bootId, stateDir: paths.stateDir },
  };
  try {
    const process = await begin({ runDir: paths.runDir, lock });
    await hasMachine(process, paths, host);
    return { ...process, gate };
  } catch (error) {
    if (gate !== undefined) await terminate(gate, host);
    throw error;
  }
}

/** Waits until a monitor holds its machine, or has ended: until then the logs are those of the last one. */
async function hasMachine(process: HostProcess, paths: MachinePaths, host: Host): Promise<void> {
  const isDecided = async (): Promise<true | undefined> => {
    const record = await readPowerRecord(paths, { host });
    if (record?.pid === process.pid && record.startTime === process.startTime) return true;
    return (await host.isRunning(process)) ? undefined : true;
  };
  await poll(isDecided, { withinMs: DECIDED_WITHIN_MS, everyMs: 20 });
}
