import { leaveTailnet } from '../../../verbs/tailnet/leave.ts';
import { defineCommand } from '../../parse/command.ts';

export const command = defineCommand({
  usage: 'leave',
  options: (yargs) => yargs,
  run: (_args, context) => leaveTailnet(context),
  text: ({ hostname, isProfileChanged }) =>
    [
      hostname === undefined ? 'No node was joined here.' : `${hostname} left the tailnet; its state is gone.`,
      ...(isProfileChanged ? ['Its line in ~/.profile is taken out.'] : []),
    ].join(' '),
});
