import { stringify } from 'yaml';
import { shellCommand } from '../../core/text/shell-quote.ts';
import type { Inventory, InventoryNode } from './inventory.ts';
import { sshOptions } from './ssh-config.ts';

type Hosts = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * For `ansible -i FILE.yaml` (ansible.builtin.yaml): each node with how it is reached, and groups `online`, `offline`, `vmkit` for machines of vmkit, `os_linux`,
 * `tag_web`. Pure.
 */
export function ansibleInventory(inventory: Inventory): string {
  const hosts = Object.fromEntries(inventory.nodes.map((node) => [node.name, variables(node, inventory)]));
  const groups = new Map<string, Hosts>();
  for (const node of inventory.nodes) {
    for (const group of groupsOf(node)) groups.set(group, { ...groups.get(group), [node.name]: {} });
  }
  const sorted = [...groups].sort(([one], [other]) => (one < other ? -1 : 1));
  const children = Object.fromEntries(sorted.map(([name, members]) => [name, { hosts: members }]));
  const head = `# By vmkit tailnet inventory, from ${inventory.socket} (${inventory.foundBy}).\n`;
  return `${head}${stringify({ all: { hosts, children } }, { lineWidth: 0 })}`;
}

function variables(node: InventoryNode, inventory: Inventory): Readonly<Record<string, string>> {
  const { User: user, IdentityFile: key, ...options } = sshOptions(node, inventory);
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return {
    ansible_host: node.address,
    ...(user === undefined ? {} : { ansible_user: user }),
    ...(key === undefined || node.login === undefined ? {} : { ansible_ssh_private_key_file: node.login.identityFile }),
    // Ansible takes it apart as a shell would, after its templates.
    ...(words.length === 0 ? {} : { ansible_ssh_common_args: unsafe(shellCommand(words)) }),
  };
}

/** Curly braces are Jinja's. */
function unsafe(text: string): string {
  return text.includes('{') ? `{% raw %}${text}{% endraw %}` : text;
}

function groupsOf({ isOnline, login, os, tags }: InventoryNode): string[] {
  const named = [...(os === '' ? [] : [`os_${os}`]), ...tags.map((tag) => tag.replace(/^tag:/, 'tag_'))];
  return [
    isOnline ? 'online' : 'offline',
    ...(login === undefined ? [] : ['vmkit']),
    // A group's name is a Python name.
    ...named.map((name) => name.toLowerCase().replace(/[^a-z0-9_]/g, '_')),
  ];
}
