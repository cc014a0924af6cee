import type { Arch } from '../core/arch.ts';
import { VmkitError } from '../core/errors/errors.ts';
import { isAndroid } from '../host/android/is-android.ts';
import type { Context } from '../host/context.ts';
import { findCrosvm } from './phone/find-crosvm.ts';
import { phoneCrosvm, phoneFacts } from './phone/phone-crosvm.ts';
import { avf, avfFacts } from './vmm/avf/avf.ts';
import { findAvf } from './vmm/avf/find-avf.ts';
import { USUAL_VMM } from './vmm/drivers.ts';
import type { Vmm } from './vmm/vmm.ts';
import type { VmmFacts } from './vmm/vmm-facts.ts';

export interface ChosenVmm {
  readonly vmm: Vmm;
  /** Which, and why, for people; undefined where there is nothing to choose. */
  readonly says: string | undefined;
}

/** Chooses for machines of an architecture; asks the host once for each. */
export type ChooseVmm = (arch: Arch) => Promise<ChosenVmm>;

export function vmmChooser(context: Pick<Context, 'host' | 'signal'>): ChooseVmm {
  const asked = new Map<Arch, Promise<ChosenVmm>>();
  return (arch) => {
    const chosen = asked.get(arch) ?? chooseVmm(arch, context);
    asked.set(arch, chosen);
    return chosen;
  };
}

/**
 * What runs new machines on a host: on a phone where we are root its crosvm, by its hypervisor; where we are not, AVF; else QEMU. Throws `phone-no-monitor`, which
 * names what a phone lacks.
 */
export async function chooseVmm(arch: Arch, context: Pick<Context, 'host' | 'signal'>): Promise<ChosenVmm> {
  const { host } = context;
  if (host.isHere || !(await isAndroid(host))) return { vmm: USUAL_VMM, says: undefined };
  const crosvm = await findCrosvm(arch, context);
  if (!('lacks' in crosvm)) {
    return {
      vmm: withFacts(phoneCrosvm, phoneFacts(crosvm)),
      says: `${crosvm.program} runs machines on ${host.name}, as root, by ${crosvm.hypervisor}`,
    };
  }
  const found = await findAvf(arch, context);
  if (!('lacks' in found)) {
    return {
      vmm: withFacts(avf, avfFacts(found)),
      says: `AVF runs machines on ${host.name}, since for crosvm there is no ${crosvm.lacks}`,
    };
  }
  const emulator = USUAL_VMM.program(arch);
  const lacks = `for crosvm there is no ${crosvm.lacks}, there is no ${found.lacks}`;
  if ((await host.programs([emulator])).has(emulator)) {
    return { vmm: USUAL_VMM, says: `${emulator} runs machines on ${host.name}, since ${lacks}` };
  }
  throw new VmkitError(
    'host',
    'phone-no-monitor',
    `${host.name} runs no machine: ${lacks}, and there is no ${emulator}.`,
    {
      hint: 'vmkit host check says more.',
    },
  );
}

/** What was asked to choose it is not asked again at the start. */
function withFacts(vmm: Vmm, facts: VmmFacts): Vmm {
  return { ...vmm, facts: async () => facts };
}
