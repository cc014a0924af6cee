import { join } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { NAME } from '../../core/text/names.ts';
import type { Context } from '../../host/context.ts';
import type { Host } from '../../host/host.ts';
import { findRunning } from './running.ts';
import type { MachineState } from './state.ts';

/** Names of all machines of which something is on this host, sorted. What is no folder, or has no machine's name, is none. */
export async function machineNames({ host, paths }: Pick<Context, 'host' | 'paths'>): Promise<string[]> {
  const folders = [paths.data, paths.state].map((folder) => join(folder, 'machines'));
  const found = await Promise.all(folders.map((folder) => namesIn(folder, host)));
  return [...new Set(found.flat())].sort();
}

async function namesIn(folder: string, host: Host): Promise<string[]> {
  const names = ((await host.list(folder)) ?? []).filter((name) => NAME.test(name));
  const isFolder = await Promise.all(
    names.map(async (name) => (await host.stat(join(folder, name)))?.kind === 'folder'),
  );
  return names.filter((_, at) => isFolder[at]);
}

/** Whether what went wrong is what one machine's files are, or whose: it is no other machine's matter. */
export function isTroubleOfFiles(error: unknown): error is VmkitError {
  return error instanceof VmkitError && error.kind === 'host';
}

/** The states of all machines that run with their state in this state folder. One whose files cannot be read is told, and counts as none. */
export async function runningMachines(context: Pick<Context, 'host' | 'paths' | 'report'>): Promise<MachineState[]> {
  const look = async (name: string): ReturnType<typeof findRunning> => {
    try {
      return await findRunning(name, context);
    } catch (error) {
      if (!isTroubleOfFiles(error)) throw error;
      context.report({ kind: 'note', text: `Whether ${name} runs is not known: ${error.message}` });
      return undefined;
    }
  };
  const found = await Promise.all((await machineNames(context)).map(look));
  return found.flatMap((running) => (running?.isHere === true ? [running.state] : []));
}
