import { targetOf } from '../../../reach/target.ts';
import { loadVm } from '../../../spec/read/load.ts';
import { unexpose } from '../../../verbs/reach/expose.ts';
import type { TakenBack } from '../../../verbs/reach/expose-via.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE, SERVICE } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'unexpose <vm> [service]',
  options: (yargs) => yargs.positional('vm', MACHINE).positional('service', SERVICE),
  run: async ({ vm, service }, context): Promise<TakenBack> => {
    const spec = await loadVm(vm, context);
    return unexpose(spec, targetOf(spec, service), context);
  },
  text: ({ takenBack, leftForBoot }) => {
    const lines = [
      ...takenBack.map((what) => `Taken back: ${what}`),
      ...leftForBoot.map((what) => `The next boot takes back: ${what}`),
    ];
    return lines.length === 0 ? 'Nothing was exposed by vmkit.' : lines.join('\n');
  },
});
