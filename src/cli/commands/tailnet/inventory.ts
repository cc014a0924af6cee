import { ansibleInventory } from '../../../tailnet/inventory/ansible.ts';
import type { Inventory } from '../../../tailnet/inventory/inventory.ts';
import { sshConfig } from '../../../tailnet/inventory/ssh-config.ts';
import { takeInventory } from '../../../verbs/tailnet/take-inventory.ts';
import { defineCommand } from '../../parse/command.ts';

export const command = defineCommand({
  usage: 'inventory',
  options: (yargs) =>
    yargs.option('for', {
      choices: ['ssh', 'ansible'] as const,
      default: 'ssh' as const,
      describe: 'ssh: a configuration for Include or ssh -F; ansible: an inventory in YAML. --json is for programs',
    }),
  run: async ({ for: format }, context): Promise<Inventory & { readonly format: 'ssh' | 'ansible' }> => ({
    format,
    ...(await takeInventory(context)),
  }),
  text: ({ format, ...inventory }) => (format === 'ssh' ? sshConfig(inventory) : ansibleInventory(inventory)).trimEnd(),
});
