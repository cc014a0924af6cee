import { VmkitError } from '../../../core/errors/errors.ts';
import { parseForward, runThrough } from '../../../verbs/tailnet/run-through.ts';
import { defineCommand } from '../../parse/command.ts';

export const command = defineCommand({
  usage: 'run',
  takesRest: true,
  options: (yargs) =>
    yargs
      .option('forward', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'A port of 127.0.0.1 that leads to one in the tailnet: 13000:forge:3000; may be repeated',
      })
      .epilogue('After --, the program and its arguments: vmkit tailnet run -- git clone http://forge:3000/me/it.git'),
  run: async ({ forward }, context, argv = []) => {
    const forwards = forward.map(parseForward);
    if (argv.length === 0 && forwards.length === 0) {
      throw new VmkitError('usage', 'bad-usage', 'vmkit tailnet run: there is no command, and nothing to forward.', {
        hint: 'vmkit tailnet run -- curl http://forge:3000',
      });
    }
    return { exitCode: await runThrough(argv, forwards, context) };
  },
  text: () => '',
  exitCode: ({ exitCode }) => exitCode,
});
