import { machinePaths } from '../../../core/paths.ts';
import { attachConsole } from '../../../guest/console/attach.ts';
import { requireRunning } from '../../../machine/state/running.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';
import { say } from '../../show/say.ts';

export const command = defineCommand({
  usage: 'console <vm>',
  options: (yargs) => yargs.positional('vm', MACHINE),
  run: async ({ vm }, context) => {
    const name = await machineName(vm, context);
    await requireRunning(name, context);
    say(`Console of ${name}; Ctrl-] leaves it.\n`);
    const ended = await attachConsole(machinePaths(context.paths, name).consoleSocket, context.host, context.signal);
    return { name, ended };
  },
  text: ({ name, ended }) => (ended === 'detached' ? '' : `\n${name} has ended.`),
});
