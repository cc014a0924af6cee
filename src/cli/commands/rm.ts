import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { withLock } from '../../build/lock.ts';
import { VmkitError } from '../../core/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { endOrphan } from '../../machine/run.ts';
import { runningMachine } from '../../machine/state.ts';
import { defineCommand } from '../command.ts';
import { machineName } from '../machine-name.ts';

export const command = defineCommand({
  usage: 'rm <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', { type: 'string', demandOption: true, describe: 'The machine' })
      .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'Delete without asking' }),
  run: async ({ vm, yes }, context) => {
    const name = await machineName(vm, context);
    const { dataDir, stateDir, lock } = machinePaths(context.paths, name);
    return withLock(lock, `vmkit rm ${name}`, context, async () => {
      if ((await runningMachine(name, context)) !== undefined) {
        throw new VmkitError('usage', 'machine-running', `The machine ${name} runs; nothing was deleted.`, {
          hint: `vmkit stop ${name}`,
        });
      }
      if (!yes) await requireConsent(name, dataDir, context.signal);
      await endOrphan(machinePaths(context.paths, name), context);
      for (const folder of [dataDir, stateDir]) await rm(folder, { recursive: true, force: true });
      return { name, deleted: [dataDir, stateDir] };
    });
  },
  text: ({ name, deleted }) => `Deleted ${name}: ${deleted.join(', ')}`,
});

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
