import { runSession } from '../../../guest/ssh/session.ts';
import { guestAddress } from '../../../machine/guest.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'shell <vm>',
  options: (yargs) => yargs.positional('vm', MACHINE),
  run: async ({ vm }, context) => {
    const address = await guestAddress(await machineName(vm, context), context);
    return { exitCode: await runSession(address, undefined, context.signal) };
  },
  text: () => '',
  exitCode: ({ exitCode }) => exitCode,
});
