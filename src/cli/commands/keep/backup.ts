import { backupMachine, type TakenBackup } from '../../../verbs/backup/backup.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { defineCommand } from '../../parse/command.ts';
import { COMPONENT, MACHINE } from '../../parse/positionals.ts';
import { bytesText } from '../../show/bytes-text.ts';

export const command = defineCommand({
  usage: 'backup <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .option('to', {
        type: 'string',
        requiresArg: true,
        describe:
          'A folder, sftp://HOST/FOLDER, rest:URL, or a file that ends in .tar.zst. Default: where the last one went',
      })
      .option('keep', {
        type: 'string',
        requiresArg: true,
        describe: 'Forget others than the last one of so many hours, days, weeks, months, years: 7d4w12m',
      })
      .option('component', COMPONENT)
      .option('check', { type: 'boolean', default: false, describe: 'Boot the backup without a network, and compare' }),
  run: async ({ vm, to, keep, check, component }, context): Promise<TakenBackup> =>
    backupMachine(await machineName(vm, context), { to, keep, isChecked: check, components: component }, context),
  text: ({ name, to, id, bytes, addedBytes, checked }) =>
    [
      `${name} is backed up to ${to}: ${id}, ${bytesText(bytes)}, of which ${bytesText(addedBytes)} were added.`,
      ...(checked === undefined
        ? []
        : [
            `Checked: ${checked.services.join(', ')} ready, ${checked.counts} numbers the same, ${checked.verified.join(', ') || 'nothing'} looked through.`,
          ]),
    ].join('\n'),
});
