import { ENGINE_NAMES } from '../../../export/engines.ts';
import { requireTools } from '../../../host/tools/tools.ts';
import { chooseComponents } from '../../../image/components/component-choice.ts';
import { withKernel } from '../../../spec/kernel.ts';
import { loadVm } from '../../../spec/read/load.ts';
import { buildTools } from '../../../verbs/build/machine-tools.ts';
import { type ExportResult, exportMachine } from '../../../verbs/export/export-machine.ts';
import { defineCommand } from '../../parse/command.ts';
import { COMPONENT, DEFINITION, KERNEL } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'export <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', DEFINITION)
      .option('to', { choices: ENGINE_NAMES, demandOption: true, describe: 'What is to run it' })
      .option('output', { alias: 'o', type: 'string', describe: 'The folder. Default: ./NAME-ENGINE' })
      .option('component', COMPONENT)
      .option('kernel', KERNEL)
      .option('setup', { type: 'boolean', default: false, describe: 'Install what this computer lacks' }),
  run: async ({ vm, to, output, component, kernel, setup }, context): Promise<ExportResult> => {
    const spec = withKernel(await loadVm(vm, context), kernel, process.cwd());
    const chosen = chooseComponents(component, process.env, spec, process.cwd());
    await requireTools(await buildTools(spec, context), context, { setup });
    return exportMachine(spec, to, output ?? `${spec.name}-${to}`, chosen, context);
  },
  text: ({ folder, files, notes }) =>
    [`${folder}: ${files.join(', ')}`, ...notes.map((note) => `- ${note}`), `README.md there says how it is run.`].join(
      '\n',
    ),
});
