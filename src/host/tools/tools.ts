import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../context.ts';
import type { Host, HostFacts } from '../host.ts';
import { readText } from '../read-text.ts';
import { findManager, installCommand, installMissing } from './tools-install.ts';
import { type Finding, type PackageManager, TOOL_GROUPS, TOOLS, type Tool, type ToolGroup } from './tools-table.ts';

/** All groups, in the order in which they are told. */
export const ALL_GROUPS: readonly ToolGroup[] = TOOLS.flatMap((tool) => tool.groups).filter(
  (group, index, all) => all.indexOf(group) === index,
);

/** What building a machine takes beside its kernel. */
export const BUILD_TOOLS: readonly ToolGroup[] = ['debian', 'image'];

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

/** What of these groups is not on this host: all at once, by looking at files only; milliseconds. */
export async function findMissing(groups: readonly ToolGroup[], host: Host): Promise<readonly Tool[]> {
  const tools = toolsOf(groups, await host.facts());
  const programs = await host.programs(tools.flatMap(({ found }) => ('programs' in found ? found.programs : [])));
  const there = await Promise.all(tools.map(({ found }) => isThere(found, programs, host)));
  return tools.filter((_, at) => there[at] !== true);
}

/** Throws `tools-missing`, which names all that is missing and the one command that installs it; with `setup` it is run first. */
export async function requireTools(
  groups: readonly ToolGroup[],
  context: Context,
  { setup = false }: { setup?: boolean } = {},
): Promise<void> {
  const { host } = context;
  let missing = await findMissing(groups, host);
  if (missing.length === 0) return;
  const facts = await host.facts();
  const manager = await findManager(host);
  const mayInstall = facts.isRoot || (await host.programs(['sudo'])).has('sudo');
  if (setup && manager !== undefined && mayInstall) {
    await installMissing(missing, manager, facts, context);
    missing = await findMissing(groups, host);
  }
  if (missing.length > 0) throw toolsMissing(missing, manager, facts, host.name);
}

function toolsMissing(
  missing: readonly Tool[],
  manager: PackageManager | undefined,
  facts: HostFacts,
  where: string,
): VmkitError {
  const names = missing.map((tool) => tool.name);
  const groups = ALL_GROUPS.filter((group) => missing.some((tool) => tool.groups.includes(group)));
  const purposes = groups.map((group) => TOOL_GROUPS[group]).join(', ');
  return new VmkitError('tool', 'tools-missing', `Missing on ${where}: ${names.join(', ')}. (${purposes})`, {
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

async function isThere(found: Finding, programs: ReadonlySet<string>, host: Host): Promise<boolean> {
  if ('programs' in found) return found.programs.some((name) => programs.has(name));
  if ('header' in found)
    return hasAny(
      headerFolders().map((folder) => join(folder, found.header)),
      host,
    );
  if ('files' in found) return hasAny(found.files, host);
  switch (found.account) {
    case 'subuid':
      return hasSubordinateIds('/etc/subuid', host);
    case 'subgid':
      return hasSubordinateIds('/etc/subgid', host);
    case 'user-namespaces':
      return (
        (await numberIn('/proc/sys/user/max_user_namespaces', host)) !== 0 &&
        (await numberIn('/proc/sys/kernel/unprivileged_userns_clone', host)) !== 0
      );
  }
}

/** Where gcc looks: its environment (gcc(1), CPATH), then the system's folders. */
function headerFolders(): readonly string[] {
  const own = [process.env['CPATH'], process.env['C_INCLUDE_PATH']].flatMap((path) => path?.split(delimiter) ?? []);
  return [...own.filter((folder) => folder !== ''), '/usr/local/include', '/usr/include'];
}

/** subuid(5): `user:first:count`, the user by name or number. */
async function hasSubordinateIds(file: string, host: Host): Promise<boolean> {
  const names = [userName(), String(process.getuid?.() ?? '')];
  return (await readText(file, host)).split('\n').some((line) => names.some((name) => line.startsWith(`${name}:`)));
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without an account, as in some containers.
    return String(process.getuid?.() ?? '');
  }
}

async function numberIn(file: string, host: Host): Promise<number | undefined> {
  const text = (await readText(file, host)).trim();
  return text === '' ? undefined : Number(text);
}

async function hasAny(files: readonly string[], host: Host): Promise<boolean> {
  const there = await Promise.all(files.map((file) => host.stat(file)));
  return there.some((file) => file !== undefined);
}
