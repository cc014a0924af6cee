import type { Arch } from '../../core/arch.ts';
import { messageOf } from '../../core/errors/errors.ts';
import type { CrosvmAnswer } from '../../host/android/check/phone-row.ts';
import type { Context } from '../../host/context.ts';
import { dialectOf } from '../vmm/crosvm/dialect.ts';
import { askBuild } from '../vmm/crosvm/facts.ts';

/** Asks a build of crosvm on a phone with the very command line of a machine; its initramfs does not exist, so that nothing is touched. */
export async function askCrosvm(program: string, arch: Arch, context: Context): Promise<CrosvmAnswer> {
  try {
    const found = await askBuild(program, arch, context);
    if ('dialect' in found) {
      return {
        program,
        takes: true,
        says: `it takes the command line of Android ${dialectOf(found.dialect).releases}`,
      };
    }
    // Any other exit code is not that of its parser.
    const isRefusal = found.refusals.some((each) => !each.includes(': exit code '));
    return { program, takes: isRefusal ? false : undefined, says: found.refusals.join('; ') };
  } catch (error) {
    context.signal.throwIfAborted();
    return { program, takes: undefined, says: messageOf(error) };
  }
}
