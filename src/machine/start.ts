import type { Host, HostProcess } from '../host/host.ts';
import { terminate } from '../host/terminate.ts';
import { startGate } from './gate/gate-process.ts';
import type { PlacedMachine } from './placing.ts';
import type { LockedMachine } from './state/machine-lock.ts';
import type { MachineState } from './state/state.ts';
import { vmmOf } from './vmm/drivers.ts';

/** What of a machine runs on its host. */
interface StartedMachine extends HostProcess {
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

/** Starts a machine's monitor in the background with fresh logs, and its gate. No such machine runs. */
export async function startMachine(
  { placed, state, user, secrets }: Beginning,
  { paths }: LockedMachine,
  host: Host,
): Promise<StartedMachine> {
  // The console is a root shell.
  await host.makeFolder(paths.stateDir, 0o700);
  // Without the logs of the last time: the first event that is read must be of this one.
  for (const log of Object.values(placed.logs)) for (const file of [log, `${log}.1`]) await host.remove(file);
  if ((await host.stat(paths.powerLock)) === undefined) await host.write(paths.powerLock, '', 0o600);
  await host.remove(paths.gateLog);
  // First, so that a monitor that runs has one; it waits for the monitor.
  const gate = await startGate(state.network, paths, host);
  const lock = {
    path: paths.powerLock,
    record: { ...state, gate, bootId: (await host.place()).bootId, stateDir: paths.stateDir },
  };
  try {
    return { ...(await vmmOf(state).start(placed, { runDir: paths.runDir, user, lock, secrets }, host)), gate };
  } catch (error) {
    if (gate !== undefined) await terminate(gate, host);
    throw error;
  }
}
