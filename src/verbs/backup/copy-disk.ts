import { VmkitError } from '../../core/errors/errors.ts';
import type { GuestHost } from '../../guest/ssh/guest-host.ts';
import { copyOfRunning, copyOfStopped } from '../../machine/disks/copy-of-running.ts';
import type { Identity } from '../../machine/disks/identity.ts';
import { withGuest } from '../../machine/guest.ts';
import { atInstant } from '../../machine/instant.ts';
import type { LockedMachine } from '../../machine/state/machine-lock.ts';
import { requireFree, runningMachine } from '../../machine/state/running.ts';
import type { MachineState } from '../../machine/state/state.ts';
import type { DiskCopy } from '../../machine/vmm/vmm.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { VerbContext } from '../step.ts';
import { requireDisk } from './require-disk.ts';

/** On a computer that has too much to do, one command may take longer than a guest waits. */
const TRIES = 3;
/** A guest that has much to do takes a while to let somebody in. */
const LOGIN_MS = 60_000;

export interface CopiedDisk {
  /** Whose disk it is. */
  readonly identity: Identity;
  /** Undefined where the machine is off. */
  readonly state: MachineState | undefined;
}

/** Copies the data disk of a machine as it is at one instant, while it runs or not. `prepare`: how a machine that runs is copied, where that is not all of its disk. */
export async function copyDataDisk(
  machine: LockedMachine,
  spec: Pick<VmSpec, 'services'> | undefined,
  to: string,
  context: VerbContext,
  prepare: (state: MachineState) => Promise<DiskCopy> = (state) => copyOfRunning(state, machine.paths, to, context),
): Promise<CopiedDisk> {
  const { name, paths } = machine;
  const identity = await requireDisk(name, paths, context);
  const state = await runningMachine(name, context);
  if (state === undefined) {
    await requireFree(machine, context);
    await copyOfStopped(paths.dataDisk, to, context);
    return { identity, state };
  }
  await withGuest(
    name,
    context,
    async (guest) => {
      for (
        let left = TRIES - 1;
        !(await copyAtInstant(guest, () => prepare(state), spec?.services ?? [], left, context));
        left--
      );
    },
    LOGIN_MS,
  );
  return { identity, state };
}

/** False where the guest would not wait so long, and there are tries left. */
async function copyAtInstant(
  guest: GuestHost,
  prepare: () => Promise<DiskCopy>,
  services: VmSpec['services'],
  triesLeft: number,
  context: VerbContext,
): Promise<boolean> {
  const copy = await prepare();
  try {
    await atInstant(guest, services, context, copy.begin);
    await copy.finish();
    return true;
  } catch (error) {
    if (triesLeft === 0 || !(error instanceof VmkitError) || error.code !== 'not-still') throw error;
    context.report({ kind: 'note', text: `${error.message} It is tried again.` });
    return false;
  } finally {
    await copy.drop();
  }
}
