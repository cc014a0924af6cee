import { poll } from '../../core/deadline.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { Host } from '../../host/host.ts';
import type { LockedMachine } from '../state/machine-lock.ts';
import type { MachineState } from '../state/state.ts';
import { suspendedFiles } from '../state/suspended.ts';
import { vmmOf } from '../vmm/drivers.ts';
import type { MemoryKeeper } from '../vmm/vmm.ts';

/** A memory of many gigabytes from a slow disk. */
export const LOADED_WITHIN_MS = 3_600_000;

const CONSUME = `rm -rf -- "$2" && mv -- "$1" "$2" && sync -- "$3" "$2"`;

/**
 * Ends what a killed `suspend` or `resume` began, for whoever holds the machine's lock: a guest that stands still goes on, and no memory is left that could be taken a second time. `state`
 * is that of the machine's monitor; undefined where none runs. Costs one look where nothing was begun.
 */
export async function settleSuspend(
  state: MachineState | undefined,
  { paths }: LockedMachine,
  { host }: Pick<Context, 'host'>,
): Promise<void> {
  const { suspendingDir, suspendedDir, resumedDir } = paths;
  if (state === undefined) {
    await host.remove(suspendingDir);
    await host.remove(resumedDir);
    return;
  }
  const [begun, whole, taken] = await host.statAll([suspendingDir, suspendedDir, suspendedFiles(resumedDir).memory]);
  const keeper = vmmOf(state).memory;
  if (keeper === undefined || [begun, whole, taken].every((there) => there === undefined)) return;
  if (whole !== undefined) await consume(paths, host);
  if (begun !== undefined) await keeper.cancel(paths, host);
  if ((await restingPhase(keeper, paths, host)) === 'still') await keeper.goOn(paths, host);
  await host.remove(suspendingDir);
  await forgetMemory(paths, host);
}

/** The memory that a guest goes on from counts no more: before it does, so that none is ever taken twice. */
export async function consume({ dataDir, suspendedDir, resumedDir }: MachinePaths, host: Host): Promise<void> {
  const argv = ['sh', '-c', CONSUME, 'sh', suspendedDir, resumedDir, dataDir];
  const { exitCode, stderr } = await host.exec(argv, { withinMs: 600_000 });
  if (exitCode !== 0) throw new VmkitError('host', 'not-writable', `Renaming ${suspendedDir}: ${stderr.trim()}`);
}

/** Once the guest goes on. What its monitor reads stays, for its next suspend. */
export async function forgetMemory({ resumedDir }: MachinePaths, host: Host): Promise<void> {
  const { memory, record, console, events } = suspendedFiles(resumedDir);
  for (const file of [record, console, events, memory]) await host.remove(file);
}

/** What a guest does once no memory of it is on the way. */
async function restingPhase(keeper: MemoryKeeper, paths: MachinePaths, host: Host): Promise<'still' | 'going'> {
  const phase = await poll(
    async () => {
      const now = await keeper.phase(paths, host);
      return now === 'moving' ? undefined : now;
    },
    { withinMs: LOADED_WITHIN_MS, everyMs: 100 },
  );
  if (phase !== undefined) return phase;
  throw new VmkitError('boot', 'machine-paused', 'Its memory is on the way for an hour.', {
    hint: 'vmkit stop ends it.',
  });
}
