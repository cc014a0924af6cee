import { machinePaths } from '../core/paths.ts';
import { withMachine } from '../machine/state/machine-lock.ts';
import { runningMachines } from '../machine/state/machines.ts';
import { requireFree, runningMachine } from '../machine/state/running.ts';
import { clearState, type MachineState } from '../machine/state/state.ts';
import { isSuspended } from '../machine/state/suspended.ts';
import { waysToAsk } from '../machine/stop/ask-power-off.ts';
import { type Stopped, stopMachine } from '../machine/stop/stop.ts';
import { settleSuspend } from '../machine/suspend/settle.ts';
import { leaveNetworks } from '../machine/switch/network-members.ts';
import { runStep, type VerbContext } from './step.ts';

export interface StoppedMachine {
  readonly name: string;
  readonly wasRunning: boolean;
  /** It does not run, and is to go on where it was. Nothing is done to it. */
  readonly isSuspended: boolean;
  readonly stopped: Stopped | undefined;
}

/**
 * Stops the running machines that need this one, then the machine, then those that were started only for it and that nobody else needs: the other
 * way round than they were booted.
 */
export async function stopMachines(name: string, within: number, context: VerbContext): Promise<StoppedMachine[]> {
  const running = await runningMachines(context);
  const order = stopOrder(name, running);
  const results: StoppedMachine[] = [];
  for (const each of order) results.push(await stopOne(each, within, context));
  return results;
}

/** Pure: which machines stop, in order. `running` are the states of the machines that run. */
export function stopOrder(
  name: string,
  running: readonly Pick<MachineState, 'name' | 'needs' | 'startedFor'>[],
): readonly string[] {
  const order: string[] = [];
  const visit = (each: string): void => {
    if (order.includes(each)) return;
    for (const other of running) if (other.needs.includes(each)) visit(other.name);
    if (!order.includes(each)) order.push(each);
  };
  visit(name);
  // What was started for a machine that stops, and that none of those that stay needs.
  const leftAlone = (): MachineName | undefined =>
    running.find(
      ({ name: other, startedFor }) =>
        !order.includes(other) &&
        startedFor !== undefined &&
        order.includes(startedFor) &&
        running.every(({ name: user, needs }) => order.includes(user) || !needs.includes(other)),
    );
  for (let next = leftAlone(); next !== undefined; next = leftAlone()) order.push(next.name);
  return order;
}

type MachineName = Pick<MachineState, 'name'>;

async function stopOne(name: string, within: number, context: VerbContext): Promise<StoppedMachine> {
  return withMachine(name, `vmkit stop ${name}`, context, async (machine) => {
    const state = await runningMachine(name, context);
    await settleSuspend(state, machine, context);
    const stopped = state === undefined ? undefined : await stop(name, within, context);
    if (state === undefined) {
      await requireFree(machine, context);
      await clearState(machine.paths, context.host);
    }
    await leaveNetworks(name, context);
    const suspended = state === undefined && (await isSuspended(machine.paths, context.host));
    return { name, wasRunning: state !== undefined, isSuspended: suspended, stopped };
  });
}

async function stop(name: string, withinSeconds: number, context: VerbContext): Promise<Stopped> {
  return runStep(
    {
      title: `stop ${name}`,
      run: async (inner) => {
        const state = await runningMachine(name, inner);
        if (state === undefined) return { seconds: 0, askedBy: undefined, forced: [] };
        const paths = machinePaths(inner.paths, name);
        const ways = waysToAsk(state, paths, inner);
        return stopMachine(state, paths, ways, withinSeconds * 1000, inner);
      },
    },
    context,
  );
}
