import { ownCommand } from '../../../core/package-root.ts';
import { loadVm } from '../../../spec/read/load.ts';
import { type AutostartReport, autostartOff, autostartOn } from '../../../verbs/autostart.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { defineCommand } from '../../parse/command.ts';
import { COMPONENT, MACHINE } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'autostart <vm> <state>',
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .positional('state', { choices: ['on', 'off'] as const, demandOption: true, describe: 'Whether it is started' })
      .option('backup', {
        type: 'string',
        requiresArg: true,
        describe: 'Take backups as well, to where the last one went: daily, or another OnCalendar of systemd',
      })
      .option('keep', { type: 'string', requiresArg: true, describe: 'As of backup: 7d4w12m' })
      .option('notify', {
        type: 'string',
        requiresArg: true,
        describe: 'A shell command that is run when a service stops answering, and when all is well again',
      })
      .option('component', COMPONENT)
      .option('dry-run', { type: 'boolean', default: false, describe: 'Print what would be done, and do nothing' }),
  run: async (
    { vm, state, backup, keep, notify, component, 'dry-run': isDryRun },
    context,
  ): Promise<AutostartReport> => {
    if (state === 'off') return autostartOff(await machineName(vm, context), isDryRun, context);
    const spec = await loadVm(vm, context);
    const boot = component.flatMap((each) => ['--component', each]);
    const vmkit = ownCommand();
    return autostartOn(spec, { vmkit, boot, backup, keep, notify, isDryRun }, context);
  },
  text: (report) => reportText(report),
});

function reportText({ name, manager, isDryRun, files, commands }: AutostartReport): string {
  if (manager === 'none' && commands.length === 0) return 'This computer has no systemd; nothing was done.';
  if (manager === 'none') {
    const [boot, stop] = commands;
    return `This computer has no systemd. Have its init system run this when it starts, as you:\n  ${boot}\nand this before it goes off, with a minute and a half of patience:\n  ${stop}`;
  }
  if (isDryRun) return [...files.flatMap(({ path, text }) => [`# ${path}`, text]), ...commands].join('\n');
  const done = [...files.map(({ path }) => `Wrote ${path}`), ...commands.map((each) => `Ran: ${each}`)];
  if (files.length === 0) return done.length === 0 ? `${name} was not started by systemd.` : done.join('\n');
  const own = manager === 'user' ? '--user ' : '';
  return [
    ...done,
    `${name} starts with this computer. From now on start and stop it by systemctl ${own}start or stop vmkit-${name}: what vmkit boot starts by hand systemd does not stop.`,
  ].join('\n');
}
