import { join } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import { readIdentity, writeIdentity } from '../../machine/disks/identity.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { isThere } from '../machine-name.ts';
import type { VerbContext } from '../step.ts';

type Own = Pick<VmSpec, 'name' | 'directory'>;

/**
 * A machine belongs to the definition that booted it first: a second clone of a project, with a definition of the same name, is not to get at its data by accident.
 * Where that definition is gone, the project was moved, and this one takes its place. Throws `machine-of-other-definition`, unless `isAdopted`. Machines on
 * another host are not judged: their definitions may be on several computers.
 */
export async function requireOwnMachine(
  spec: Own,
  { identityFile }: Pick<MachinePaths, 'identityFile'>,
  isAdopted: boolean,
  context: VerbContext,
): Promise<void> {
  if (!context.host.isHere || isAdopted) return;
  const former = (await readIdentity(identityFile, context.host))?.definition;
  if (former === undefined || former === spec.directory || !(await isOther(former, spec.directory, context))) return;
  throw new VmkitError(
    'usage',
    'machine-of-other-definition',
    `The machine ${spec.name} belongs to the definition in ${former}; this one is in ${spec.directory}. Nothing was changed.`,
    {
      hint: `To go on with that machine: vmkit boot ${former}. To give it, with its data, to this definition: vmkit boot ${spec.name} --adopt. For a machine of its own: another name here.`,
      details: { belongsTo: former, given: spec.directory },
    },
  );
}

/** Remembers whose machine it is from now on. */
export async function rememberDefinition(
  spec: Own,
  { identityFile }: Pick<MachinePaths, 'identityFile'>,
  { host, report }: VerbContext,
): Promise<void> {
  const identity = await readIdentity(identityFile, host);
  if (!host.isHere || identity === undefined || identity.definition === spec.directory) return;
  if (identity.definition !== undefined) {
    report({ kind: 'note', text: `${spec.name} belonged to the definition in ${identity.definition} until now.` });
  }
  await writeIdentity(identityFile, { ...identity, definition: spec.directory }, host);
}

/** Whether there is still a definition, and a link does not lead from one folder to the other. */
async function isOther(former: string, directory: string, context: VerbContext): Promise<boolean> {
  if (!(await isThere(join(former, 'vm.yaml'), context))) return false;
  const { exitCode, stdout } = await context.host.exec(['realpath', former, directory], { withinMs: 30_000 });
  const [a, b] = stdout.split('\n');
  return exitCode !== 0 || a !== b;
}
