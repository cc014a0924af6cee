import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfInterrupted } from '../core/deadline.ts';
import { messageOf } from '../core/errors/errors.ts';
import { withGuest } from '../machine/guest.ts';
import { runningMachines } from '../machine/state/machines.ts';
import type { MachineState } from '../machine/state/state.ts';
import { type GuestUsage, parseUsage, ratesOf, type UsageRates, usageScript } from '../machine/usage.ts';
import { vmmOf } from '../machine/vmm/drivers.ts';
import { usedSeconds } from '../machine/vmm/launch/used-time.ts';
import type { VerbContext } from './step.ts';

export interface MachineUsage {
  readonly name: string;
  /** Of one processor of this host, its monitor's own work included. */
  readonly cpu: number;
  readonly cpus: number;
  readonly memory: { readonly usedMib: number | undefined; readonly guestMib: number };
  /** Undefined where the guest does not answer. */
  readonly guest: (UsageRates & Pick<GuestUsage, 'data'>) | undefined;
}

const BETWEEN_MS = 2_000;

/** What machines that run, and their services, take of this host: over two seconds. */
export async function machineUsages(name: string | undefined, context: VerbContext): Promise<readonly MachineUsage[]> {
  const running = (await runningMachines(context)).filter((state) => name === undefined || state.name === name);
  return Promise.all(running.map((state) => usageOf(state, context)));
}

async function usageOf(state: MachineState, context: VerbContext): Promise<MachineUsage> {
  const { name, cpus, memoryMib } = state;
  const started = performance.now();
  const before = await usedSeconds(state, context.host);
  const guest = await guestUsage(name, context);
  await wait(started + BETWEEN_MS - performance.now(), context.signal);
  const after = await usedSeconds(state, context.host);
  const seconds = (performance.now() - started) / 1000;
  const cpu = before === undefined || after === undefined ? 0 : (after - before) / seconds;
  return {
    name,
    cpu,
    cpus,
    memory: { usedMib: await vmmOf(state).usedMib(state, context.host), guestMib: memoryMib },
    guest,
  };
}

async function guestUsage(name: string, context: VerbContext): Promise<MachineUsage['guest']> {
  try {
    return await withGuest(name, context, async (guest) => {
      const look = async (): Promise<GuestUsage> =>
        parseUsage(
          (await guest.exec(['sh', '-c', usageScript()], { withinMs: 30_000, signal: context.signal })).stdout,
        );
      const first = await look();
      await wait(BETWEEN_MS / 2, context.signal);
      const second = await look();
      return { ...ratesOf(first, second), data: second.data };
    });
  } catch (error) {
    throwIfInterrupted(context.signal);
    context.report({ kind: 'note', text: `Of the services of ${name} nothing is known: ${messageOf(error)}` });
    return undefined;
  }
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, ms), undefined, { signal }).catch(() => undefined);
  throwIfInterrupted(signal);
}
