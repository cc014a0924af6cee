import { type RestoredMachine, type Restoring, restoreMachine } from '../../../verbs/backup/restore.ts';
import { requireConsent } from '../../consent.ts';
import { defineCommand } from '../../parse/command.ts';
import { FROM } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'restore <vm> [id]',
  options: (yargs) =>
    yargs
      .positional('vm', { type: 'string', demandOption: true, describe: 'The name of the machine' })
      .positional('id', { type: 'string', describe: 'Of a backup, as `backups` lists it. Default: the newest' })
      .option('from', FROM)
      .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'Restore without asking' }),
  run: async ({ vm, id, from, yes }, context): Promise<RestoredMachine> => {
    const consent = async (restoring: Restoring): Promise<void> => {
      if (yes) return;
      const warning = `${warningOf(restoring)} ${ONCE(restoring)}`;
      await requireConsent({ warning, word: vm, hint: `vmkit restore ${vm} --yes` }, context.signal);
    };
    return restoreMachine(vm, { id, from }, consent, context);
  },
  text: ({ name, id, takenAt, boot }) =>
    `${name} is what it was at ${takenAt.replace(/\..*|Z$/, '')} (${id}). vmkit boot ${boot} starts it.`,
});

/** Two of them would be one node of a tailnet at two places. */
const ONCE = ({ manifest }: Restoring): string =>
  `It is the machine that was on ${manifest.host}, with its keys and its places in networks: it must never run there again beside this one.`;

function warningOf({ manifest: { name, takenAt }, there }: Restoring): string {
  const at = takenAt.replace(/\..*|Z$/, '');
  switch (there) {
    case 'nothing':
      return `This makes ${name} as it was at ${at}.`;
    case 'the same machine':
      return `This takes ${name} back to ${at}: what was written since is lost.`;
    case 'another machine':
      return `This host has another machine ${name}, whose data and secrets are lost: the one of ${at} takes its place.`;
  }
}
