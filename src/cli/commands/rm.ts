import { createInterface } from 'node:readline/promises';
import { VmkitError } from '../../core/errors.ts';
import { type MachinePaths, machinePaths } from '../../core/paths.ts';
import type { Host } from '../../host/host.ts';
import { withMachine } from '../../machine/state/machine-lock.ts';
import { requireOff } from '../../machine/state/running.ts';
import { machineName } from '../../verbs/machine-name.ts';
import { defineCommand } from '../parse/command.ts';

export const command = defineCommand({
  usage: 'rm <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', { type: 'string', demandOption: true, describe: 'The machine' })
      .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'Delete without asking' }),
  run: async ({ vm, yes }, context) => {
    const name = await machineName(vm, context);
    const folders = await foldersOf(machinePaths(context.paths, name), context.host);
    return withMachine(name, `vmkit rm ${name}`, context, async (machine) => {
      await requireOff(machine, context);
      if (!yes) await requireConsent(name, machine.paths.dataDir, context.signal);
      for (const folder of folders) await context.host.remove(folder);
      return { name, deleted: folders };
    });
  },
  text: ({ name, deleted }) => `Deleted ${name}: ${deleted.join(', ')}`,
});

/** One of these is in each folder of a machine. */
const SIGNS = [
  'identity.json',
  'data.img',
  'secrets',
  'lock',
  'power.lock',
  'state.json',
  'console.log',
  'qemu.log',
  'run',
];

/** Throws `not-a-machine` for folders that vmkit did not make: a link, or one with nothing of a machine in it. */
async function foldersOf({ dataDir, stateDir }: MachinePaths, host: Host): Promise<string[]> {
  for (const folder of [dataDir, stateDir]) {
    const { exitCode } = await host.exec(['test', '-h', folder], { withinMs: 30_000 });
    const isLink = exitCode === 0;
    if (!isLink && (await host.stat(folder)) === undefined) continue;
    const names = isLink ? [] : ((await host.list(folder)) ?? []);
    if (names.some((name) => SIGNS.includes(name))) continue;
    const what = isLink ? 'is a link' : 'holds nothing of a machine';
    throw new VmkitError('usage', 'not-a-machine', `${folder} ${what}. Nothing was deleted.`, {
      hint: 'Look at it, and delete it by hand if it is yours to delete.',
    });
  }
  return [dataDir, stateDir];
}

async function requireConsent(name: string, dataDir: string, signal: AbortSignal): Promise<void> {
  const warning = `This deletes ${dataDir}: the data disk of ${name}, with all it holds, its secrets and passwords.`;
  if (process.stdin.isTTY !== true) {
    throw new VmkitError('usage', 'consent-needed', `${warning} Nothing was deleted.`, {
      hint: `vmkit rm ${name} --yes`,
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${warning}\nType ${name} to go on: `, { signal });
    if (answer.trim() === name) return;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    terminal.close();
  }
  throw new VmkitError('interrupted', 'interrupted', 'Nothing was deleted.');
}
