import { type ListedBackups, listBackups } from '../../../verbs/backup/list.ts';
import { defineCommand } from '../../parse/command.ts';
import { FROM } from '../../parse/positionals.ts';
import { table } from '../../show/table.ts';

export const command = defineCommand({
  usage: 'backups [vm]',
  options: (yargs) =>
    yargs
      .positional('vm', { type: 'string', describe: 'The machine. Default: all in that place' })
      .option('from', FROM),
  run: async ({ vm, from }, context): Promise<ListedBackups> => listBackups(vm, from, context),
  text: ({ from, backups }) =>
    backups.length === 0
      ? `No backups in ${from}.`
      : table(backups.map(({ id, name, takenAt, host }) => [id, name, takenAt.replace(/\..*|Z$/, ''), `on ${host}`])),
});
