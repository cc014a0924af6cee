import { VmkitError } from '../../core/errors/errors.ts';
import { readConfig } from '../kconfig/config-text.ts';

/** HAVE_ symbols say what an architecture can. Nobody can choose them, and Kconfig adds dozens; of linux 6.12's defconfigs none has more than one. */
const FEWEST_HAVE = 10;

/**
 * Throws `kernel-config-partial` for a configuration that Kconfig did not complete: a defconfig or a fragment says nothing of what it does not name.
 * CC_VERSION_TEXT is there since linux 4.18. `name` is for errors.
 */
export function requireWhole(name: string, text: string): void {
  const symbols = [...readConfig(text).keys()];
  const have = symbols.filter((symbol) => symbol.startsWith('HAVE_')).length;
  if (symbols.includes('CC_VERSION_TEXT') || have >= FEWEST_HAVE) return;
  throw new VmkitError(
    'usage',
    'kernel-config-partial',
    `${name} is a part of a configuration, such as a defconfig or a fragment: it has ${symbols.length} options, and none that Kconfig adds. It does not say what the kernel has.`,
    {
      hint: `In the kernel's source: cp ${name} .config && make olddefconfig. Then: vmkit check-kernel .config`,
    },
  );
}
