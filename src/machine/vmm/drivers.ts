import { phoneCrosvm } from '../phone/phone-crosvm.ts';
import { avf } from './avf/avf.ts';
import { crosvm } from './crosvm/crosvm.ts';
import { qemu } from './qemu/qemu.ts';
import type { Vmm } from './vmm.ts';
import type { VmmName } from './vmm-facts.ts';

/** One driver for each monitor; nothing else imports from their folders. */
const DRIVERS: Readonly<Record<VmmName, Vmm>> = { qemu, crosvm, phone: phoneCrosvm, avf };

/** What new machines are run by where nothing else is chosen (machine/choose-vmm.ts). */
export const USUAL_VMM: Vmm = qemu;

/** The driver of a machine that was started. */
export function vmmOf({ vmm }: { readonly vmm: VmmName }): Vmm {
  return DRIVERS[vmm];
}
