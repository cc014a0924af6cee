import { machineName } from '../../../verbs/machine-name.ts';
import { type StoppedMachine, stopMachines } from '../../../verbs/stop.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'stop <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .option('within', { type: 'number', default: 60, describe: 'Seconds until the machine is killed' }),
  run: async ({ vm, within }, context): Promise<StopResult> => {
    const name = await machineName(vm, context);
    const all = await stopMachines(name, within, context);
    const own = all.find((machine) => machine.name === name) ?? { name, ...OFF };
    const others = all.filter((machine) => machine.name !== name);
    return others.length === 0 ? own : { ...own, others };
  },
  text: (result) => [result, ...(result.others ?? [])].map(stopText).join('\n'),
});

const OFF = { wasRunning: false, isSuspended: false, stopped: undefined };

interface StopResult extends StoppedMachine {
  /** Machines that needed it, and that were started for it only. */
  readonly others?: readonly StoppedMachine[];
}

function stopText({ name, isSuspended, stopped }: StoppedMachine): string {
  if (isSuspended)
    return `${name} is suspended: it takes nothing but the disk. vmkit resume ${name} lets it go on, vmkit rm ${name} deletes it.`;
  if (stopped === undefined) return `${name} does not run.`;
  if (stopped.forced.length === 0) {
    return stopped.askedBy === undefined || stopped.askedBy === 'ssh'
      ? `${name} is off.`
      : `${name} is off; it was asked by ${stopped.askedBy}.`;
  }
  return [`${name} is off, but not cleanly:`, ...stopped.forced.map((line) => `  ${line}`)].join('\n');
}
