import { withLock } from '../../build/lock.ts';
import { machinePaths } from '../../core/paths.ts';
import { zeroAndDelete } from '../../host/zero-file.ts';
import { withGuest } from '../../machine/guest.ts';
import { endOrphan } from '../../machine/run.ts';
import { clearState, runningMachine } from '../../machine/state.ts';
import { type Stopped, stopMachine } from '../../machine/stop.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { machineName } from '../machine-name.ts';
import { runStep } from '../steps.ts';

/** Starts the stop in reverse order and the power-off; returns at once. */
const POWER_OFF = ['/run/vmkit/poweroff'];

interface StopResult {
  readonly name: string;
  readonly wasRunning: boolean;
  readonly stopped: Stopped | undefined;
}

export const command = defineCommand({
  usage: 'stop <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', { type: 'string', demandOption: true, describe: 'The machine' })
      .option('within', { type: 'number', default: 60, describe: 'Seconds until the stop is forced' }),
  run: async ({ vm, within }, context): Promise<StopResult> => {
    const name = await machineName(vm, context);
    const paths = machinePaths(context.paths, name);
    return withLock(paths.lock, `vmkit stop ${name}`, context, async () => {
      const state = await runningMachine(name, context);
      if (state !== undefined) return { name, wasRunning: true, stopped: await stop(name, within, context) };
      await endOrphan(paths, context);
      await zeroAndDelete(paths.secretsDisk);
      await clearState(paths);
      return { name, wasRunning: false, stopped: undefined };
    });
  },
  text: ({ name, stopped }) => {
    if (stopped === undefined) return `${name} does not run.`;
    if (stopped.forced.length === 0) return `${name} is off.`;
    return [`${name} is off, but not cleanly:`, ...stopped.forced.map((line) => `  ${line}`)].join('\n');
  },
});

async function stop(name: string, withinSeconds: number, context: CommandContext): Promise<Stopped> {
  return runStep(
    {
      title: `stop ${name}`,
      run: async (inner) => {
        const state = await runningMachine(name, inner);
        if (state === undefined) return { seconds: 0, forced: [] };
        const askGuest = (): Promise<void> =>
          withGuest(name, inner, async (guest) => {
            // The guest may be gone before it has said goodbye to us.
            await guest.exec(POWER_OFF, { withinMs: 15_000 }).catch(() => undefined);
          });
        return stopMachine(state, machinePaths(inner.paths, name), askGuest, withinSeconds * 1000, inner);
      },
    },
    context,
  );
}
