import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Arch } from '../../core/arch.ts';
import { VmkitError } from '../../core/errors.ts';
import type { Context } from '../context.ts';
import type { HostFacts } from '../host.ts';
import { isProgram, searchPath } from '../local/search-path.ts';
import { findManager, installCommand, installMissing } from './tools-install.ts';
import { type Finding, type PackageManager, TOOL_GROUPS, TOOLS, type Tool, type ToolGroup } from './tools-table.ts';

/** All groups, in the order in which they are told. */
export const ALL_GROUPS: readonly ToolGroup[] = TOOLS.flatMap((tool) => tool.groups).filter(
  (group, index, all) => all.indexOf(group) === index,
);

/** What building a machine takes beside its kernel. */
export const BUILD_TOOLS: readonly ToolGroup[] = ['debian', 'image'];

/** All that a machine of this architecture takes with a kernel that is built already: no compiler. */
export function toolGroups(arch: Arch): ToolGroup[] {
  return ['modules', ...BUILD_TOOLS, `machine-${arch}`];
}

/** The tools of these groups that this host needs; those for root only, or for another processor, are left out. */
export function toolsOf(groups: readonly ToolGroup[], facts: HostFacts): readonly Tool[] {
  const applies = {
    'not-root': !facts.isRoot,
    'not-x86_64': facts.machine !== 'x86_64',
    'not-aarch64': facts.machine !== 'aarch64',
  };
  return TOOLS.filter(
    (tool) =>
      tool.groups.some((group) => groups.includes(group)) && (tool.onlyWhen === undefined || applies[tool.onlyWhen]),
  );
}

/** What of these groups is not on this host: all at once, by looking at files only; milliseconds. `path` is as in $PATH. */
export function findMissing(
  groups: readonly ToolGroup[],
  facts: HostFacts,
  path: string = process.env['PATH'] ?? '',
): readonly Tool[] {
  return toolsOf(groups, facts).filter((tool) => !isThere(tool.found, searchPath(path)));
}

/** Throws `tools-missing`, which names all that is missing and the one command that installs it; with `setup` it is run first. */
export async function requireTools(
  groups: readonly ToolGroup[],
  context: Context,
  { setup = false }: { setup?: boolean } = {},
): Promise<void> {
  const facts = await context.host.facts();
  let missing = findMissing(groups, facts);
  if (missing.length === 0) return;
  const manager = findManager();
  const mayInstall = facts.isRoot || isProgram('sudo', searchPath(process.env['PATH'] ?? ''));
  if (setup && manager !== undefined && mayInstall) {
    await installMissing(missing, manager, facts, context);
    missing = findMissing(groups, facts);
  }
  if (missing.length > 0) throw toolsMissing(missing, manager, facts);
}

function toolsMissing(missing: readonly Tool[], manager: PackageManager | undefined, facts: HostFacts): VmkitError {
  const names = missing.map((tool) => tool.name);
  const groups = ALL_GROUPS.filter((group) => missing.some((tool) => tool.groups.includes(group)));
  const purposes = groups.map((group) => TOOL_GROUPS[group]).join(', ');
  return new VmkitError('tool', 'tools-missing', `Missing on this machine: ${names.join(', ')}. (${purposes})`, {
    hint: howToInstall(missing, manager, facts).join('\n'),
    details: { missing: names },
  });
}

/** What a person does to get these tools: the one command of the package manager, then what it cannot do. */
export function howToInstall(
  missing: readonly Tool[],
  manager: PackageManager | undefined,
  facts: HostFacts,
): readonly string[] {
  const command = manager === undefined ? [] : installCommand(missing, manager, facts.isRoot);
  const left = missing.filter((tool) => manager === undefined || tool.packages[manager] === undefined);
  const user = userName();
  return [
    ...(command.length === 0 ? [] : [command.join(' ')]),
    ...left.map((tool) => tool.byHand?.replace('USER', user) ?? `Install ${tool.name} with what this system offers.`),
  ];
}

function isThere(found: Finding, folders: readonly string[]): boolean {
  if ('programs' in found) return found.programs.some((name) => isProgram(name, folders));
  if ('header' in found) return headerFolders().some((folder) => existsSync(join(folder, found.header)));
  if ('files' in found) return found.files.some((file) => existsSync(file));
  switch (found.account) {
    case 'subuid':
      return hasSubordinateIds('/etc/subuid');
    case 'subgid':
      return hasSubordinateIds('/etc/subgid');
    case 'user-namespaces':
      return (
        numberIn('/proc/sys/user/max_user_namespaces') !== 0 &&
        numberIn('/proc/sys/kernel/unprivileged_userns_clone') !== 0
      );
  }
}

/** Where gcc looks: its environment (gcc(1), CPATH), then the system's folders. */
function headerFolders(): readonly string[] {
  const own = [process.env['CPATH'], process.env['C_INCLUDE_PATH']].flatMap((path) => path?.split(delimiter) ?? []);
  return [...own.filter((folder) => folder !== ''), '/usr/local/include', '/usr/include'];
}

/** subuid(5): `user:first:count`, the user by name or number. */
function hasSubordinateIds(file: string): boolean {
  const names = [userName(), String(process.getuid?.() ?? '')];
  return textIn(file)
    .split('\n')
    .some((line) => names.some((name) => line.startsWith(`${name}:`)));
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without an account, as in some containers.
    return String(process.getuid?.() ?? '');
  }
}

function numberIn(file: string): number | undefined {
  const text = textIn(file).trim();
  return text === '' ? undefined : Number(text);
}

function textIn(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
