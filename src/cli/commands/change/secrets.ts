import { loadVm } from '../../../spec/read/load.ts';
import { type Rotated, rotateRole } from '../../../verbs/rotate-role.ts';
import { defineCommand } from '../../parse/command.ts';

export const command = defineCommand({
  usage: 'secrets <action> <vm> <role>',
  options: (yargs) =>
    yargs
      .positional('action', { choices: ['rotate'] as const, demandOption: true })
      .positional('vm', { type: 'string', demandOption: true, describe: 'The machine that runs PostgreSQL' })
      .positional('role', {
        type: 'string',
        demandOption: true,
        describe: 'A role of PostgreSQL that logs in by password',
      }),
  run: async ({ vm, role }, context): Promise<Rotated> => rotateRole(await loadVm(vm, context), role, context),
  text: ({ role, file, machines }) => {
    const where = machines.length === 0 ? 'from the next boot on' : `now in ${machines.join(' and ')}`;
    return `The role ${role} has a new password, ${where}: ${file}`;
  },
});
