import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../host/context.ts';
import { type MachineState, runningMachine } from './state.ts';

/** Names of all machines of which something is on this host, sorted. */
export async function machineNames({ paths }: Pick<Context, 'paths'>): Promise<string[]> {
  const folders = [paths.data, paths.state].map((folder) => join(folder, 'machines'));
  const found = await Promise.all(folders.map((folder) => readdir(folder).catch(() => [])));
  return [...new Set(found.flat())].sort();
}

/** The states of all machines that run. */
export async function runningMachines(context: Pick<Context, 'host' | 'paths'>): Promise<MachineState[]> {
  const states = await Promise.all((await machineNames(context)).map((name) => runningMachine(name, context)));
  return states.flatMap((state) => (state === undefined ? [] : [state]));
}
