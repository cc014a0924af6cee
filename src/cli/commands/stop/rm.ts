import type { Device } from '../../../tailnet/control/control.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import type { MachineParts } from '../../../verbs/machine-parts.ts';
import { removeMachine } from '../../../verbs/remove.ts';
import { type LeftNodes, removeLeftNodes } from '../../../verbs/tailnet/left-nodes.ts';
import { askYes, requireConsent } from '../../consent.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';
import { deviceText } from '../../show/device-text.ts';

export const command = defineCommand({
  usage: 'rm <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'Delete without asking' }),
  run: async ({ vm, yes }, context) => {
    const name = await machineName(vm, context);
    const consent = async ({ paths }: MachineParts): Promise<void> => {
      if (yes) return;
      const warning = `This deletes ${paths.dataDir}: the data disk of ${name}, with all it holds, its secrets and passwords.`;
      await requireConsent({ warning, word: name, hint: `vmkit rm ${name} --yes` }, context.signal);
    };
    const removed = await removeMachine(name, consent, context);
    const agree = async (nodes: readonly Device[]): Promise<boolean> =>
      // Of several, one may be another computer's.
      yes
        ? nodes.length === 1
        : askYes(`Remove from its tailnet, too: ${nodes.map(deviceText).join(', ')}?`, context.signal);
    return { ...removed, node: removed.node && (await removeLeftNodes(removed.node, agree, context)) };
  },
  text: ({ name, deleted, undone, node }) =>
    [
      ...undone.map((what) => `Taken back: ${what}`),
      `Deleted ${name}: ${deleted.join(', ')}`,
      ...(node === undefined ? [] : nodeLines(node)),
    ].join('\n'),
});

function nodeLines({ hostname, loginServer, removed, why }: LeftNodes): string[] {
  const where = loginServer === undefined ? "Tailscale's admin console" : loginServer;
  const stays = `A node ${hostname} may be in its tailnet yet: ${why}. Remove it by vmkit tailnet rm ${hostname}, or at ${where}.`;
  return [
    ...removed.map((device) => `Removed from the tailnet: ${deviceText(device)}`),
    ...(why === undefined ? [] : [stays]),
  ];
}
