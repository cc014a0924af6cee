import { runSession } from '../../host/ssh-session.ts';
import { guestAddress } from '../../machine/guest.ts';
import { defineCommand } from '../command.ts';
import { machineName } from '../machine-name.ts';

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
