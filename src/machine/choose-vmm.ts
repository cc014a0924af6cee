import type { Arch } from '../core/arch.ts';
import { VmkitError } from '../core/errors/errors.ts';
import { isAndroid } from '../host/android/is-android.ts';
import type { Context } from '../host/context.ts';
import { findCrosvm } from './phone/find-crosvm.ts';
import { phoneCrosvm } from './phone/phone-crosvm.ts';
import { USUAL_VMM } from './vmm/drivers.ts';
import type { Vmm } from './vmm/vmm.ts';

export interface ChosenVmm {
  readonly vmm: Vmm;
  /** Which, and why, for people; undefined where there is nothing to choose. */
  readonly says: string | undefined;
}

/**
 * What runs new machines on a host: on a phone where we are root its crosvm, by its hypervisor; else QEMU. Throws `phone-no-monitor`, which
 * names what a phone lacks.
 */
export async function chooseVmm(arch: Arch, context: Pick<Context, 'host' | 'signal'>): Promise<ChosenVmm> {
  const { host } = context;
  if (host.isHere || !(await isAndroid(host))) return { vmm: USUAL_VMM, says: undefined };
  const found = await findCrosvm(arch, context);
  if (!('lacks' in found)) {
    return {
      vmm: phoneCrosvm,
      says: `${found.program} runs machines on ${host.name}, as root, by ${found.hypervisor}`,
    };
  }
  const emulator = USUAL_VMM.program(arch);
  if ((await host.programs([emulator])).has(emulator)) {
    return {
      vmm: USUAL_VMM,
      says: `${emulator} runs machines on ${host.name}, since for crosvm there is no ${found.lacks}`,
    };
  }
  const text = `${host.name} runs no machine: for crosvm there is no ${found.lacks}, and there is no ${emulator}.`;
  throw new VmkitError('host', 'phone-no-monitor', text, {
    hint: 'vmkit host check says more.',
  });
}
