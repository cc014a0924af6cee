import { chooseComponents } from '../../image/components/component-choice.ts';
import { withKernel } from '../../spec/kernel.ts';
import { loadVm } from '../../spec/read/load.ts';
import { bootMachines } from '../../verbs/boot/boot-machines.ts';
import { type BootPlan, planBoot } from '../../verbs/boot/boot-plan.ts';
import { defineCommand } from '../parse/command.ts';
import { COMPONENT, DEFINITION, KERNEL } from '../parse/positionals.ts';
import { planText } from '../show/boot-plan-text.ts';
import { type BootSummary, bootText, summarize } from '../show/boot-summary.ts';

type Result = { readonly plan: BootPlan } | { readonly booted: BootSummary; readonly needed?: readonly BootSummary[] };

export const command = defineCommand({
  usage: 'boot <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', DEFINITION)
      .option('component', COMPONENT)
      .option('kernel', KERNEL)
      .option('setup', { type: 'boolean', default: false, describe: 'Install what this computer lacks' })
      .option('adopt', {
        type: 'boolean',
        default: false,
        describe: 'Take over a machine, with its data, that belongs to another definition',
      })
      .option('pid-file', {
        type: 'string',
        requiresArg: true,
        describe: 'Write the process id of the machine there, once it is up: for a service manager',
      })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'Print what would be built and run, and do nothing',
      }),
  run: async (
    { vm, component, kernel, setup, adopt, 'pid-file': pidFile, 'dry-run': dryRun },
    context,
  ): Promise<Result> => {
    const spec = withKernel(await loadVm(vm, context), kernel, process.cwd());
    const chosen = chooseComponents(component, process.env, spec, process.cwd());
    if (dryRun) return { plan: await planBoot(spec, chosen, context) };
    const { booted, needed } = await bootMachines(spec, chosen, { setup, isAdopted: adopt }, context);
    if (pidFile !== undefined) await context.host.write(pidFile, `${booted.state.pid}\n`);
    return { booted: summarize(booted), ...(needed.length === 0 ? {} : { needed: needed.map(summarize) }) };
  },
  text: (result) =>
    'plan' in result ? planText(result.plan) : [...(result.needed ?? []), result.booted].map(bootText).join('\n\n'),
});
