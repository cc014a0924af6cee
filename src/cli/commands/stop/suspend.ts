import { machineName } from '../../../verbs/machine-name.ts';
import { type SuspendedMachine, suspend } from '../../../verbs/suspend/suspend.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';
import { bytesText } from '../../show/bytes-text.ts';

export const command = defineCommand({
  usage: 'suspend <vm>',
  options: (yargs) => yargs.positional('vm', MACHINE),
  run: async ({ vm }, context): Promise<SuspendedMachine> => suspend(await machineName(vm, context), context),
  text: ({ name, bytes }) =>
    bytes === undefined
      ? `${name} is suspended already.`
      : `${name} is suspended; its memory takes ${bytesText(bytes)} on the disk. vmkit resume ${name} lets it go on.`,
});
