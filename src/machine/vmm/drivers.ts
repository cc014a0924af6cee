import { crosvm } from './crosvm/crosvm.ts';
import { qemu } from './qemu/qemu.ts';
import type { Vmm } from './vmm.ts';
import type { VmmName } from './vmm-facts.ts';

/** One driver for each monitor; nothing else imports from their folders. */
const DRIVERS: Readonly<Record<VmmName, Vmm>> = { qemu, crosvm };

/** What new machines are run by. */
export const USUAL_VMM: Vmm = qemu;

/** The driver of a machine that was started. */
export function vmmOf({ vmm }: { readonly vmm: VmmName }): Vmm {
  return DRIVERS[vmm];
}
