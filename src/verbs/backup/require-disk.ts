import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { type Identity, readIdentity } from '../../machine/disks/identity.ts';

/** The identity of a machine that has a data disk. Throws `data-disk-missing` for one that never booted, or has lost it. */
export async function requireDisk(
  name: string,
  { identityFile, dataDisk }: Pick<MachinePaths, 'identityFile' | 'dataDisk'>,
  { host }: Pick<Context, 'host'>,
): Promise<Identity> {
  const identity = await readIdentity(identityFile, host);
  if (identity !== undefined && (await host.stat(dataDisk)) !== undefined) return identity;
  throw new VmkitError('host', 'data-disk-missing', `${name} has no data disk yet, or no longer: ${dataDisk}`, {
    hint: `vmkit boot ${name} makes one; vmkit restore ${name} brings one back.`,
  });
}
