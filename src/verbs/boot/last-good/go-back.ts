import * as z from 'zod';
import { VmkitError } from '../../../core/errors/errors.ts';
import { removeOldAutomatic, requireSnapshot, type Snapshot } from '../../../machine/disks/snapshots.ts';
import type { LockedMachine } from '../../../machine/state/machine-lock.ts';
import { requireFree, runningMachine } from '../../../machine/state/running.ts';
import { waysToAsk } from '../../../machine/stop/ask-power-off.ts';
import { stopMachine } from '../../../machine/stop/stop.ts';
import type { VmSpec } from '../../../spec/vm-spec.ts';
import { putBack } from '../../backup/rollback.ts';
import type { VerbContext } from '../../step.ts';
import { forgetOtherSets, type KeptSet, readSet } from './keep-set.ts';
import { readSets, writeSets } from './record.ts';

const STOPPED_WITHIN_MS = 60_000;

/** A machine that was taken back. */
export interface WentBack {
  /** What it would not boot with: the first line of the error. */
  readonly why: string;
  /** The snapshot that its data disk is of now, and that of what was there before. */
  readonly snapshot: string;
  readonly kept: string;
}

interface WayBack {
  readonly set: KeptSet;
  readonly snapshot: Snapshot;
}

/** What of a boot is the guest's own doing: this host's disk, or a QEMU that was killed, are not. */
const guestsOwn = z.object({
  end: z.object({ kind: z.enum(['late', 'fatal', 'panic', 'no-init', 'no-event-port', 'timeout']) }),
});

/** Where a boot that failed leads to; undefined where nobody asked for it, or there is nothing to go back to. */
export async function wayBack(
  { name, rollback, directory }: Pick<VmSpec, 'name' | 'rollback' | 'directory'>,
  error: unknown,
  { paths }: LockedMachine,
  context: VerbContext,
): Promise<WayBack | undefined> {
  if (rollback !== 'auto' || !(error instanceof VmkitError)) return undefined;
  const isPort = error.code === 'port-unanswered';
  if (!isPort && !guestsOwn.safeParse(error.details).success) return undefined;
  const { good, trial } = await readSets(paths, context);
  if (good === undefined || trial?.snapshot === undefined) return undefined;
  const set = await readSet(good, paths, directory, context);
  return set === undefined ? undefined : { set, snapshot: await requireSnapshot(name, trial.snapshot, paths, context) };
}

/** Stops the machine, takes its disk back to the snapshot, and starts the set that got ready last. Cut off anywhere, the next boot does it. */
export async function goBack<Started>(
  { set, snapshot }: WayBack,
  error: unknown,
  machine: LockedMachine,
  context: VerbContext,
  start: (set: KeptSet) => Promise<Started>,
): Promise<Started & { readonly wentBack: WentBack }> {
  const { name, paths } = machine;
  const [why = ''] = (error instanceof Error ? error.message : '').split('\n');
  context.report({ kind: 'note', text: `${why} It goes back to what it booted from last.` });
  const state = await runningMachine(name, context);
  if (state !== undefined)
    await stopMachine(state, paths, waysToAsk(state, paths, context), STOPPED_WITHIN_MS, context);
  await requireFree(machine, context);
  const kept = await putBack(machine, snapshot, true, context);
  const { good } = await readSets(paths, context);
  // Before the start: whoever finds the good one running must not take it for the trial.
  await writeSets(paths, { good }, context);
  const started = await start(set);
  // Last what says that there is something left to remove.
  await removeOldAutomatic(paths, context);
  if (good !== undefined) await forgetOtherSets(good, paths, context);
  return { ...started, wentBack: { why, snapshot: snapshot.id, kept } };
}
