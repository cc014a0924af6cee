import { runSession } from '../../guest/ssh/session.ts';
import { guestAddress } from '../../machine/guest.ts';
import { machineName } from '../../verbs/machine-name.ts';
import { defineCommand } from '../parse/command.ts';

export const command = defineCommand({
  usage: 'shell <vm>',
  options: (yargs) => yargs.positional('vm', { type: 'string', demandOption: true, describe: 'The machine' }),
  run: async ({ vm }, context) => {
    const address = await guestAddress(await machineName(vm, context), context);
    return { exitCode: await runSession(address, undefined, context.signal) };
  },
  text: () => '',
  exitCode: ({ exitCode }) => exitCode,
});
