import { type RolledBack, rollBack } from '../../../verbs/backup/rollback.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'rollback <vm> [id]',
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .positional('id', { type: 'string', describe: 'Of a snapshot, as `snapshots` lists it. Default: the newest' }),
  run: async ({ vm, id }, context): Promise<RolledBack> => rollBack(await machineName(vm, context), id, context),
  text: ({ name, id, takenAt, kept, otherArtifacts }) =>
    [
      `The data disk of ${name} is that of ${takenAt.replace(/\..*|Z$/, '')} (${id}). What was there before is ${kept}.`,
      ...(otherArtifacts.length === 0
        ? []
        : [`It ran on another ${otherArtifacts.join(', ')} then; the definition as it is now gives a new one.`]),
    ].join('\n'),
});
