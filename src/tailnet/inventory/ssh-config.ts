import { shellCommand } from '../../core/text/shell-quote.ts';
import type { Inventory, InventoryNode } from './inventory.ts';

/** For `Include` in ~/.ssh/config, or `ssh -F` (ssh_config(5)). Pure. */
export function sshConfig(inventory: Inventory): string {
  const how = inventory.isRouted ? 'this system routes the tailnet' : 'userspace networking, so ssh dials through it';
  const head = `# By vmkit tailnet inventory, from ${inventory.socket} (${inventory.foundBy}): ${how}.`;
  return `${[head, ...inventory.nodes.map((node) => entry(node, inventory))].join('\n\n')}\n`;
}

function entry(node: InventoryNode, inventory: Inventory): string {
  const lines = Object.entries(sshOptions(node, inventory)).map(([key, value]) => `  ${key} ${value}`);
  const names = [...new Set([node.name, node.fullName])].join(' ');
  const state = node.isOnline ? [] : ['# It is offline.'];
  return [...state, `Host ${names}`, `  HostName ${node.address}`, ...lines].join('\n');
}

/** How ssh reaches and knows a node, beside its address: values as a configuration file has them. */
export function sshOptions({ login }: InventoryNode, { proxy }: Inventory): Readonly<Record<string, string>> {
  const known =
    login === undefined
      ? {}
      : {
          User: login.user,
          IdentityFile: quoted(login.identityFile),
          IdentitiesOnly: 'yes',
          HostKeyAlias: aliasOf(login.machine),
          // Its key is known from before its first boot: no file that others fill may say otherwise.
          UserKnownHostsFile: 'none',
          GlobalKnownHostsFile: 'none',
          KnownHostsCommand: `/bin/echo ${aliasOf(login.machine)} ${login.hostKey}`,
          StrictHostKeyChecking: 'yes',
        };
  return {
    ...known,
    ...(proxy === undefined ? {} : { ProxyCommand: `${literal(shellCommand(proxy))} %h %p` }),
  };
}

function aliasOf(machine: string): string {
  return `vmkit-${machine}`;
}

/** `%` begins a token (ssh_config(5), TOKENS). */
function literal(text: string): string {
  return text.replaceAll('%', '%%');
}

function quoted(path: string): string {
  return `"${literal(path)}"`;
}
