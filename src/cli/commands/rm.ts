import { createInterface } from 'node:readline/promises';
import { VmkitError } from '../../core/errors.ts';
import { machineName } from '../../verbs/machine-name.ts';
import type { MachineParts } from '../../verbs/machine-parts.ts';
import { removeMachine } from '../../verbs/remove.ts';
import { defineCommand } from '../parse/command.ts';
import { MACHINE } from '../parse/positionals.ts';

export const command = defineCommand({
  usage: 'rm <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'Delete without asking' }),
  run: async ({ vm, yes }, context) => {
    const name = await machineName(vm, context);
    const consent = async ({ paths }: MachineParts): Promise<void> => {
      if (!yes) await requireConsent(name, paths.dataDir, context.signal);
    };
    return removeMachine(name, consent, context);
  },
  text: ({ name, deleted, undone }) =>
    [...undone.map((what) => `Taken back: ${what}`), `Deleted ${name}: ${deleted.join(', ')}`].join('\n'),
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
