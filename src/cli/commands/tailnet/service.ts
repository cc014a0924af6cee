import type { HostReport } from '../../../verbs/host/host-network.ts';
import { installService, removeService } from '../../../verbs/tailnet/service.ts';
import { defineCommand } from '../../parse/command.ts';
import { changesText } from '../../show/changes-text.ts';

export const command = defineCommand({
  usage: 'service <action>',
  options: (yargs) =>
    yargs
      .positional('action', { choices: ['install', 'remove'] as const, demandOption: true })
      .option('userspace', { type: 'boolean', default: false, describe: 'Without TUN, and without any right' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'Print the units and commands, and run none' }),
  run: ({ action, userspace, 'dry-run': dryRun }, context): Promise<HostReport> =>
    action === 'install' ? installService(userspace, dryRun, context) : removeService(dryRun, context),
  text: changesText,
});
