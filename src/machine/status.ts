import { machinePaths } from '../core/paths.ts';
import { logReader } from '../host/console-log.ts';
import type { Context } from '../host/context.ts';
import { parseGuestEvent } from '../spec/guest-event.ts';
import { type BootProgress, emptyProgress, type ServiceProgress, withEvent, withLine } from './boot-progress.ts';
import { hasLostGate } from './gate-process.ts';
import { type MachineState, type OpenPort, readState, runningMachine } from './state.ts';

/** - crashed: a state is left, but its process is gone: QEMU was killed, or the host was. */
export type MachineCondition = 'off' | 'crashed' | 'booting' | 'running' | 'failed' | 'stopping';

export interface MachineStatus {
  readonly name: string;
  readonly condition: MachineCondition;
  readonly pid: number | undefined;
  readonly upSeconds: number | undefined;
  readonly accelerator: string | undefined;
  /** What the guest has, and what QEMU takes of this host for it and for itself. */
  readonly memory: { readonly guestMib: number; readonly usedMib: number | undefined } | undefined;
  readonly services: readonly ({ readonly name: string } & ServiceProgress)[];
  readonly ports: readonly OpenPort[];
  readonly needs: readonly string[];
  readonly network: MachineState['network'];
  /** Its gate has died: no port answers, and it dials nobody. */
  readonly isCutOff: boolean;
}

/** How a machine fares, from its state and what it said on its console. Asks nothing of the guest, so it never hangs. */
export async function machineStatus(name: string, context: Context): Promise<MachineStatus> {
  const state = await runningMachine(name, context);
  if (state === undefined) {
    const isLeft = (await readState(machinePaths(context.paths, name), context)) !== undefined;
    return { ...nothing, name, condition: isLeft ? 'crashed' : 'off' };
  }
  const progress = await readProgress(state, context);
  return {
    name,
    condition: conditionOf(progress),
    pid: state.pid,
    upSeconds: Math.max(0, Math.round((Date.now() - Date.parse(state.startedAt)) / 1000)),
    accelerator: state.accelerator.reason,
    memory: { guestMib: state.memoryMib, usedMib: await residentMib(state.pid, context) },
    services: [...progress.services].map(([service, its]) => ({ name: service, ...its })),
    ports: state.ports,
    needs: state.needs,
    network: state.network,
    isCutOff: hasLostGate(state),
  };
}

const nothing = {
  pid: undefined,
  upSeconds: undefined,
  accelerator: undefined,
  memory: undefined,
  services: [],
  ports: [],
  needs: [],
  network: { kind: 'user' as const, world: 'none' as const, hostAccess: [] },
  isCutOff: false,
};

/** All that a running machine has said so far. */
export async function readProgress(
  state: Pick<MachineState, 'name' | 'services'>,
  { paths }: Pick<Context, 'paths'>,
): Promise<BootProgress> {
  const log = logReader(machinePaths(paths, state.name).consoleLog);
  try {
    return (await log.read()).reduce((progress, line) => {
      const event = parseGuestEvent(line);
      return event === undefined ? withLine(progress, line) : withEvent(progress, event);
    }, emptyProgress(state.services));
  } finally {
    await log.close();
  }
}

export function conditionOf({ end, isStopping }: Pick<BootProgress, 'end' | 'isStopping'>): MachineCondition {
  if (isStopping) return 'stopping';
  if (end === undefined) return 'booting';
  return end.kind === 'booted' ? 'running' : 'failed';
}

/** VmRSS of /proc/PID/status, in KiB there (proc_pid_status(5)). */
async function residentMib(pid: number, { host }: Pick<Context, 'host'>): Promise<number | undefined> {
  const text = Buffer.from((await host.read(`/proc/${pid}/status`)) ?? '').toString('utf8');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
  return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
}
