import { placeOf } from '../../../host/host-from.ts';
import { loadVm } from '../../../spec/read/load.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { type MovedMachine, moveMachine } from '../../../verbs/move/move.ts';
import { defineCommand } from '../../parse/command.ts';
import { DEFINITION } from '../../parse/positionals.ts';

/** This computer, as a place to move to. */
const HERE = 'here';

export const command = defineCommand({
  usage: 'move <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', DEFINITION)
      .option('to', { type: 'string', requiresArg: true, demandOption: true, describe: 'The host: ssh://…, or here' }),
  run: async ({ vm, to }, context): Promise<MovedMachine> => {
    await machineName(vm, context);
    const spec = await loadVm(vm, context);
    return moveMachine(spec, to, to === HERE ? context.builder : await placeOf(to), context);
  },
  text: ({ name, to }) =>
    to === HERE
      ? `${name} runs here now, and is gone from where it was.`
      : `${name} runs on ${to} now, and is gone here. Its commands from now on: npx vmkit --host ${to} status ${name}`,
});
