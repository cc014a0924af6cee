import { VmkitError } from '../core/errors/errors.ts';
import { machinePaths } from '../core/paths.ts';
import type { Context } from '../host/context.ts';
import { requireShape } from '../machine/state/machine-shape.ts';
import type { VerbContext } from './step.ts';

/**
 * The name of a machine that was booted before. A path to a definition is read for its name; a plain name is taken as it is, so that a
 * machine whose definition is gone can still be stopped. Throws `unknown-machine` when nothing of it is on this host.
 */
export async function machineName(vm: string, context: VerbContext): Promise<string> {
  const isPath = vm.includes('/') || vm.endsWith('.yaml');
  const name = isPath ? (await (await import('../spec/read/load.ts')).loadVm(vm, context)).name : vm;
  const paths = machinePaths(context.paths, name);
  await requireShape(paths, context.host);
  if ((await isThere(paths.dataDir, context)) || (await isThere(paths.stateDir, context))) return name;
  throw new VmkitError('usage', 'unknown-machine', `There is no machine ${name} on this host.`, {
    hint: `vmkit ls shows all of them; vmkit boot ${name} makes it.`,
  });
}

export async function isThere(path: string, { host }: Pick<Context, 'host'>): Promise<boolean> {
  return (await host.stat(path)) !== undefined;
}
