import { machineName } from '../../../verbs/machine-name.ts';
import { type ResumedMachine, resume } from '../../../verbs/suspend/resume.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'resume <vm>',
  options: (yargs) => yargs.positional('vm', MACHINE),
  run: async ({ vm }, context): Promise<ResumedMachine> => resume(await machineName(vm, context), context),
  text: ({ name, wasRunning }) => (wasRunning ? `${name} runs already.` : `${name} goes on where it was suspended.`),
});
