import { takeSnapshot } from '../../../verbs/backup/snapshot.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'snapshot <vm>',
  options: (yargs) => yargs.positional('vm', MACHINE),
  run: async ({ vm }, context) => takeSnapshot(await machineName(vm, context), context),
  text: ({ name, id }) => `The data disk of ${name} is kept as ${id}. vmkit rollback ${name} ${id} goes back to it.`,
});
