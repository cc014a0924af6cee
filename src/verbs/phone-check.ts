import { archOf } from '../core/arch.ts';
import { checkPhone } from '../host/android/check/check-phone.ts';
import type { OwnNetwork } from '../host/android/check/network-rows.ts';
import type { PhoneReport } from '../host/android/check/phone-row.ts';
import type { Context } from '../host/context.ts';
import { askCrosvm } from '../machine/phone/ask-crosvm.ts';

/** What a phone can do, each line with its evidence, and the way that machines will take there. Changes nothing. `builds`: paths of a crosvm of one's own there. */
export async function reportOnPhone(
  network: OwnNetwork,
  builds: readonly string[],
  context: Context,
): Promise<PhoneReport> {
  const arch = archOf((await context.host.facts()).machine) ?? 'arm64';
  return checkPhone(network, (program) => askCrosvm(program, arch, context), builds, context);
}
