import { machineName } from '../../verbs/machine-name.ts';
import type { MachineParts } from '../../verbs/machine-parts.ts';
import { removeMachine } from '../../verbs/remove.ts';
import { requireConsent } from '../consent.ts';
import { defineCommand } from '../parse/command.ts';
import { MACHINE } from '../parse/positionals.ts';

export const command = defineCommand({
  usage: 'rm <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'Delete without asking' }),
  run: async ({ vm, yes }, context) => {
    const name = await machineName(vm, context);
    const consent = async ({ paths }: MachineParts): Promise<void> => {
      if (yes) return;
      const warning = `This deletes ${paths.dataDir}: the data disk of ${name}, with all it holds, its secrets and passwords.`;
      await requireConsent({ warning, word: name, hint: `vmkit rm ${name} --yes` }, context.signal);
    };
    return removeMachine(name, consent, context);
  },
  text: ({ name, deleted, undone }) =>
    [...undone.map((what) => `Taken back: ${what}`), `Deleted ${name}: ${deleted.join(', ')}`].join('\n'),
});
