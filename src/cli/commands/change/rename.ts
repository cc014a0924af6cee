import { machineName } from '../../../verbs/machine-name.ts';
import { type RenamedMachine, renameMachine } from '../../../verbs/move/rename.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'rename <vm> <name>',
  options: (yargs) =>
    yargs.positional('vm', MACHINE).positional('name', {
      type: 'string',
      demandOption: true,
      describe: 'Its new name',
    }),
  run: async ({ vm, name }, context): Promise<RenamedMachine> =>
    renameMachine(await machineName(vm, context), name, context),
  text: ({ from, name, definition, namedBy }) =>
    [
      `${from} is ${name} from now on. Its definition: ${definition}`,
      ...namedBy.map((file) => `${file} needs ${from} yet: change it there.`),
      `Backups that were taken before are those of ${from}.`,
    ].join('\n'),
});
