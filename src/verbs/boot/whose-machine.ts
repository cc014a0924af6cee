import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import { type MachineNode, readIdentity, writeIdentity } from '../../machine/disks/identity.ts';
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

/** Remembers whose machine it is from now on, and its node in a tailnet, which outlives that in the definition. */
export async function rememberDefinition(
  spec: Own & Pick<VmSpec, 'services'>,
  { identityFile }: Pick<MachinePaths, 'identityFile'>,
  { host, report }: VerbContext,
): Promise<void> {
  const identity = await readIdentity(identityFile, host);
  if (identity === undefined) return;
  const definition = host.isHere ? spec.directory : identity.definition;
  const node = nodeOf(spec) ?? identity.node;
  const now = {
    ...identity,
    ...(definition === undefined ? {} : { definition }),
    ...(node === undefined ? {} : { node }),
  };
  if (isDeepStrictEqual(now, identity)) return;
  if (identity.definition !== undefined && identity.definition !== definition) {
    report({ kind: 'note', text: `${spec.name} belonged to the definition in ${identity.definition} until now.` });
  }
  await writeIdentity(identityFile, now, host);
}

function nodeOf({ name, services }: Pick<VmSpec, 'name' | 'services'>): MachineNode | undefined {
  const node = services.find((service) => service.node !== undefined)?.node;
  if (node === undefined) return undefined;
  const { hostname = name, loginServer } = node;
  return { hostname, ...(loginServer === undefined ? {} : { loginServer }) };
}

/** Whether there is still a definition, and a link does not lead from one folder to the other. */
async function isOther(former: string, directory: string, context: VerbContext): Promise<boolean> {
  if (!(await isThere(join(former, 'vm.yaml'), context))) return false;
  const { exitCode, stdout } = await context.host.exec(['realpath', former, directory], { withinMs: 30_000 });
  const [a, b] = stdout.split('\n');
  return exitCode !== 0 || a !== b;
}
