import { chooseComponents } from '../../../image/components/component-choice.ts';
import { loadVm } from '../../../spec/read/load.ts';
import { type Imported, importForgejo } from '../../../verbs/import/import-forgejo.ts';
import { defineCommand } from '../../parse/command.ts';
import { COMPONENT, DEFINITION } from '../../parse/positionals.ts';

/** Names of settings that are told; --json has all. */
const TOLD = 20;

export const command = defineCommand({
  usage: 'forgejo <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', DEFINITION)
      .option('dump', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'What `forgejo dump --database postgres` wrote on the old server: a file of this computer',
      })
      .option('component', COMPONENT),
  run: async ({ vm, dump, component }, context): Promise<Imported> => {
    const spec = await loadVm(vm, context);
    return importForgejo(spec, dump, chooseComponents(component, process.env, spec, process.cwd()), context);
  },
  text: (imported) => [...whatIsThere(imported), ...whatToDo(imported)].join('\n'),
});

function whatIsThere({ name, origin, users, repositories, looked, left, damaged }: Imported): string[] {
  return [
    `${name} has what the dump of ${origin} has: ${repositories} repositories, ${users} users. All rows of its tables were compared, and Forgejo became ready with them.`,
    `git fsck looked through ${left === 0 ? 'all' : `${looked} of ${looked + left}`} repositories and wikis.`,
    ...(damaged.length === 0 ? [] : [`It finds fault with these, which came as they were: ${damaged.join(', ')}`]),
  ];
}

function whatToDo({ name, administrators, otherSettings, kept }: Imported): string[] {
  const more = otherSettings.length > TOLD ? `, and ${otherSettings.length - TOLD} more` : '';
  return [
    `Accounts and passwords are those of the old server; administrators: ${administrators.join(', ') || 'none'}.`,
    ...(otherSettings.length === 0
      ? []
      : [`It had these otherwise (settings: in vm.yaml): ${otherSettings.slice(0, TOLD).join(', ')}${more}.`]),
    `What was there before is ${kept}. vmkit boot ${name} starts it, vmkit rollback ${name} ${kept} goes back.`,
  ];
}
