import { chooseComponents } from '../../../image/components/component-choice.ts';
import { loadVm } from '../../../spec/read/load.ts';
import { type Upgraded, upgradeMachine } from '../../../verbs/upgrade/upgrade.ts';
import { defineCommand } from '../../parse/command.ts';
import { COMPONENT, DEFINITION } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'upgrade <vm>',
  options: (yargs) => yargs.positional('vm', DEFINITION).option('component', COMPONENT),
  run: async ({ vm, component }, context): Promise<Upgraded> => {
    const spec = await loadVm(vm, context);
    return upgradeMachine(spec, chooseComponents(component, process.env, spec, process.cwd()), context);
  },
  text: ({ name, postgres, services, kept }) =>
    [
      ...(postgres === undefined ? [] : [`The data of PostgreSQL ${postgres.from} is of ${postgres.to} now.`]),
      `${name} is upgraded; on a copy of its disk these became ready: ${services.join(', ')}.`,
      `What was there before is ${kept}. vmkit boot ${name} starts it, vmkit rollback ${name} ${kept} goes back.`,
    ].join('\n'),
});
