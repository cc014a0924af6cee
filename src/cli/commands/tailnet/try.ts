import { WAY_COLUMNS, wayCells } from '../../../tailnet/measure/measured-way.ts';
import { type TriedWays, tryWays } from '../../../verbs/tailnet/try-ways.ts';
import { defineCommand } from '../../parse/command.ts';
import { table } from '../../show/table.ts';

export const command = defineCommand({
  usage: 'try',
  options: (yargs) =>
    yargs.option('login-server', {
      type: 'string',
      requiresArg: true,
      describe: "The control server, if not Tailscale's",
    }),
  run: ({ 'login-server': loginServer }, context): Promise<TriedWays> => tryWays(loginServer, context),
  text: ({ measured, left }) =>
    [
      table([[...WAY_COLUMNS], ...measured.map(wayCells)]),
      ...left.map(({ way, why }) => `${way}: not measured: ${why}`),
    ].join('\n'),
});
