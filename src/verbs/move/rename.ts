import { basename, dirname, join } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { packageRoot } from '../../core/package-root.ts';
import { machinePaths } from '../../core/paths.ts';
import { requireName } from '../../core/text/names.ts';
import type { Host } from '../../host/host.ts';
import { readText } from '../../host/read-text.ts';
import { readIdentity, writeIdentity } from '../../machine/disks/identity.ts';
import { withMachine } from '../../machine/state/machine-lock.ts';
import { requireOff } from '../../machine/state/running.ts';
import { leaveNetworks } from '../../machine/switch/network-members.ts';
import { definitionNames } from '../../spec/read/definitions.ts';
import { loadVm } from '../../spec/read/load.ts';
import { hasAutostart } from '../autostart.ts';
import { isThere } from '../machine-name.ts';
import { machineParts } from '../machine-parts.ts';
import type { VerbContext } from '../step.ts';
import { requireNotMoving } from './moving.ts';

const FILE = 'vm.yaml';

export interface RenamedMachine {
  readonly from: string;
  readonly name: string;
  /** The folder of its definition now. */
  readonly definition: string;
  /** Definitions that name the old one yet. */
  readonly namedBy: readonly string[];
}

/**
 * Gives a machine that is off another name, with all it has: the definition's folder first, then the machine's, in one step each. Cut off anywhere, the same command
 * goes on. Throws `rename-refused` where the new name is taken, or this host does something for the old one.
 */
export async function renameMachine(from: string, name: string, context: VerbContext): Promise<RenamedMachine> {
  requireName(name);
  const { host } = context;
  const [old, next] = [machinePaths(context.paths, from), machinePaths(context.paths, name)];
  return withMachine(from, `vmkit rename ${from}`, context, async (machine) => {
    await requireOff(machine, context);
    await requireNotMoving(from, old, host);
    for (const path of [next.dataDir, next.stateDir]) {
      if (await isThere(path, context))
        throw refused(`There is a machine ${name} already: ${path}`, 'Take another name.');
    }
    await requireNothingDone(from, context);
    const identity = await readIdentity(old.identityFile, host);
    const definition = await renameDefinition(from, name, identity?.definition, context);
    if (identity !== undefined && host.isHere) await writeIdentity(old.identityFile, { ...identity, definition }, host);
    await leaveNetworks(from, context);
    // What it can go back to bears the old name.
    for (const path of [old.setsFile, old.setsDir, old.stateDir]) await host.remove(path);
    await move(old.dataDir, next.dataDir, host);
    return { from, name, definition, namedBy: await definitionsWith(from, context) };
  });
}

async function requireNothingDone(name: string, context: VerbContext): Promise<void> {
  const { changes } = await machineParts(name, context);
  if (changes.length > 0) {
    const what = changes.map(({ title }) => title).join('; ');
    throw refused(`This host does something for ${name}: ${what}`, `vmkit unexpose ${name} takes it back.`);
  }
  if (await hasAutostart(name, context))
    throw refused(`systemd starts ${name}.`, `vmkit autostart ${name} off; turn it on for the new name afterwards.`);
}

/**
 * The one line in it gets the new name, then its folder, where that has the old one. Of a definition that ships with vmkit, vm/NAME below the current folder becomes a
 * copy. A rename that was cut off has done a part of it.
 */
async function renameDefinition(
  from: string,
  name: string,
  known: string | undefined,
  context: VerbContext,
): Promise<string> {
  const { host } = context.builder;
  const places = [...(known === undefined ? [] : [known, join(dirname(known), name)]), from, name];
  const directory = await firstDefinition(places, context);
  if (directory === undefined)
    throw refused(`There is no definition of ${from} any more.`, `Write vm/${from}/vm.yaml.`);
  const text = (await readText(join(directory, FILE), host)).replace(/^name:.*$/m, `name: ${name}`);
  const isShipped = directory.startsWith(join(packageRoot(), 'vm'));
  const folder = isShipped
    ? join(process.cwd(), 'vm', name)
    : basename(directory) === from
      ? join(dirname(directory), name)
      : directory;
  if (folder !== directory && (await readText(join(folder, FILE), host)) !== (isShipped ? text : ''))
    if (await isThere(folder, { host }))
      throw refused(`There is something in ${folder} already.`, 'Take another name.');
  await host.write(join(isShipped ? folder : directory, FILE), text);
  if (!isShipped && folder !== directory) await move(directory, folder, host);
  return folder;
}

async function firstDefinition(places: readonly string[], context: VerbContext): Promise<string | undefined> {
  for (const place of places) {
    try {
      return (await loadVm(place, { ...context, report: () => undefined })).directory;
    } catch (error) {
      if (!(error instanceof VmkitError && error.code === 'definition-missing')) throw error;
    }
  }
  return undefined;
}

/** rename(2): in one step, and never into a folder that is there. */
async function move(from: string, to: string, host: Host): Promise<void> {
  const { exitCode, stderr } = await host.exec(['mv', '-T', '--', from, to], { withinMs: 60_000 });
  if (exitCode !== 0) throw new VmkitError('host', 'not-writable', `Renaming ${from}: ${stderr.trim()}`);
}

async function definitionsWith(name: string, context: VerbContext): Promise<readonly string[]> {
  const quiet = { ...context, report: () => undefined };
  const names = await definitionNames(process.cwd());
  const found = await Promise.all(names.map((each) => loadVm(each, quiet).catch(() => undefined)));
  return found.flatMap((spec) => (spec?.needs.includes(name) === true ? [join(spec.directory, 'vm.yaml')] : []));
}

function refused(what: string, hint: string): VmkitError {
  return new VmkitError('usage', 'rename-refused', `${what} Nothing was changed.`, { hint });
}
