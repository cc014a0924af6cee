import { type Health, lookAfter } from '../../../verbs/health.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';

/** A command that is told when it changes. Not of the definition: that may be somebody else's, and commands its guest alone. */
const NOTIFY = 'VMKIT_NOTIFY';
/** As of a boot that failed. */
const NOT_WELL = 5;

export const command = defineCommand({
  usage: 'health <vm>',
  options: (yargs) => yargs.positional('vm', MACHINE),
  run: async ({ vm }, context): Promise<Health> =>
    lookAfter(await machineName(vm, context), process.env[NOTIFY], context),
  text: ({ text, isRestarted }) => (isRestarted ? `${text}. It is restarted.` : text),
  exitCode: ({ isWell }) => (isWell ? 0 : NOT_WELL),
});
