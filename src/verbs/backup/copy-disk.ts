import { copyOfRunning, copyOfStopped } from '../../machine/disks/copy-of-running.ts';
import { withGuest } from '../../machine/guest.ts';
import { atInstant } from '../../machine/instant.ts';
import type { LockedMachine } from '../../machine/state/machine-lock.ts';
import { requireFree, runningMachine } from '../../machine/state/running.ts';
import type { MachineState } from '../../machine/state/state.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { VerbContext } from '../step.ts';
import { requireDisk } from './require-disk.ts';

/** A guest that has much to do takes a while to let somebody in. */
const LOGIN_MS = 60_000;

/** Copies the data disk of a machine as it is at one instant, while it runs or not. Returns its state where it runs. */
export async function copyDataDisk(
  machine: LockedMachine,
  spec: Pick<VmSpec, 'services'> | undefined,
  to: string,
  context: VerbContext,
): Promise<MachineState | undefined> {
  const { name, paths } = machine;
  await requireDisk(name, paths, context);
  const state = await runningMachine(name, context);
  if (state === undefined) {
    await requireFree(machine, context);
    await copyOfStopped(paths.dataDisk, to, context);
    return undefined;
  }
  await withGuest(
    name,
    context,
    async (guest) => {
      const copy = await copyOfRunning(state, paths, to, context);
      try {
        await atInstant(guest, spec?.services ?? [], context, copy.begin);
        await copy.finish();
      } finally {
        await copy.drop();
      }
    },
    LOGIN_MS,
  );
  return state;
}
