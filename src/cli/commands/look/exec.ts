import { VmkitError } from '../../../core/errors/errors.ts';
import { runSession } from '../../../guest/ssh/session.ts';
import { guestAddress } from '../../../machine/guest.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'exec <vm>',
  takesRest: true,
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .epilogue('After --, the program and its arguments: vmkit exec sql -- psql -U postgres -c "SELECT 1"'),
  run: async ({ vm }, context, argv = []) => {
    if (argv.length === 0) {
      throw new VmkitError('usage', 'bad-usage', 'vmkit exec: there is no command.', {
        hint: `vmkit exec ${vm} -- uname -a`,
      });
    }
    const address = await guestAddress(await machineName(vm, context), context);
    return { exitCode: await runSession(address, argv, context.signal) };
  },
  text: () => '',
  exitCode: ({ exitCode }) => exitCode,
});
