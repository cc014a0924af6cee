import { dirname } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { LockedMachine } from './machine-lock.ts';
import { type MachineState, readPowerRecord, readState } from './state.ts';
import { isSuspended, requireNotSuspended } from './suspended.ts';

interface Found {
  readonly state: MachineState;
  /** The state folder that holds its sockets and its console. */
  readonly stateDir: string;
  /** Whether that is the state folder that this vmkit looks at. */
  readonly isHere: boolean;
}

/**
 * The machine if its very process runs: by state.json, else by what the file says that its QEMU holds. Each is enough where the
 * other is damaged or missing. What a dead process left behind counts as none.
 */
export async function findRunning(name: string, context: Pick<Context, 'host' | 'paths'>): Promise<Found | undefined> {
  const paths = machinePaths(context.paths, name);
  const here = await readState(paths, context);
  if (here !== undefined && (await context.host.isRunning(here)))
    return { state: here, stateDir: paths.stateDir, isHere: true };
  const record = await readPowerRecord(paths, context);
  if (record === undefined || !(await context.host.isRunning(record))) return undefined;
  const { stateDir, ...state } = record;
  return { state, stateDir, isHere: stateDir === paths.stateDir };
}

/** The state of a machine that runs. Throws `machine-elsewhere` when it was started with another state folder. */
export async function runningMachine(
  name: string,
  context: Pick<Context, 'host' | 'paths'>,
): Promise<MachineState | undefined> {
  const found = await findRunning(name, context);
  if (found?.isHere === false) throw elsewhere(found);
  return found?.state;
}

/** The same; throws `machine-off` when it does not run. */
export async function requireRunning(name: string, context: Pick<Context, 'host' | 'paths'>): Promise<MachineState> {
  const state = await runningMachine(name, context);
  if (state !== undefined) return state;
  if (await isSuspended(machinePaths(context.paths, name), context.host)) {
    throw new VmkitError('boot', 'machine-suspended', `The machine ${name} is suspended.`, {
      hint: `vmkit resume ${name}`,
    });
  }
  throw new VmkitError('boot', 'machine-off', `The machine ${name} does not run.`, { hint: `vmkit boot ${name}` });
}

/** Whoever changes a machine's disk, or its name, asks this first. Throws as `requireNothingRuns` does, and `machine-suspended`. */
export async function requireOff(machine: LockedMachine, context: Context): Promise<void> {
  await requireNothingRuns(machine, context);
  await requireNotSuspended(machine.name, machine.paths, context.host);
}

/**
 * Whoever deletes a machine asks this first. Throws `machine-running`, `machine-elsewhere`, and `machine-held` where a QEMU holds the machine that neither of its files
 * describes.
 */
export async function requireNothingRuns(machine: LockedMachine, context: Context): Promise<void> {
  const { name } = machine;
  if ((await runningMachine(name, context)) !== undefined) {
    throw new VmkitError('usage', 'machine-running', `The machine ${name} runs; nothing was changed.`, {
      hint: `vmkit stop ${name}`,
    });
  }
  await requireFree(machine, context);
}

/**
 * For a machine that no file says to run: throws `machine-held` where a QEMU holds it nevertheless. It holds the disk too: a lock file
 * that was deleted excludes nobody.
 */
export async function requireFree({ name, paths }: LockedMachine, { host, signal }: Context): Promise<void> {
  for (const file of [paths.powerLock, paths.dataDisk]) {
    if ((await host.stat(file)) === undefined) continue;
    // flock(1): 1 where another process has it. toybox's takes no command.
    const argv = ['sh', '-c', 'flock -n 9 9<"$1"', 'sh', file];
    const { exitCode } = await host.exec(argv, { withinMs: 30_000, signal });
    if (exitCode === 0) continue;
    throw new VmkitError(
      'host',
      'machine-held',
      `A QEMU holds ${file} of ${name}, and neither ${paths.powerLock} nor ${paths.stateFile} says which. Nothing was changed.`,
      {
        hint: `fuser -v ${file} names the process. Put back one of the files, or power the machine off from inside.`,
      },
    );
  }
}

function elsewhere({ state, stateDir }: Found): VmkitError {
  const home = dirname(dirname(dirname(stateDir)));
  const text = `The machine ${state.name} runs (pid ${state.pid}), and its state is in another folder: ${stateDir}. Nothing was changed.`;
  return new VmkitError('host', 'machine-elsewhere', text, {
    hint: `XDG_STATE_HOME=${home} vmkit stop ${state.name}`,
    details: { pid: state.pid, stateDir },
  });
}
