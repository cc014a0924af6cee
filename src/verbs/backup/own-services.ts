import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { readIdentity } from '../../machine/disks/identity.ts';
import { loadVm } from '../../spec/read/load.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { VerbContext } from '../step.ts';

/** The definition of a machine that was booted: where it was then, else by its name. Undefined where there is none any more; its data is there nevertheless. */
export async function definitionOfMachine(name: string, context: VerbContext): Promise<VmSpec | undefined> {
  const identity = await readIdentity(machinePaths(context.paths, name).identityFile, context.host);
  const quiet = { ...context, report: () => undefined };
  for (const place of [identity?.definition, name]) {
    if (place === undefined) continue;
    try {
      return await loadVm(place, quiet);
    } catch (error) {
      if (!(error instanceof VmkitError && error.code === 'definition-missing')) throw error;
    }
  }
  context.report({ kind: 'note', text: `There is no definition of ${name} any more: its services are not asked.` });
  return undefined;
}
