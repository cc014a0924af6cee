import { type Arch, archOf } from '../../core/arch.ts';
import { VmkitError } from '../../core/errors.ts';
import { buildTools, requireTools, toolGroups } from '../../host/tools/tools.ts';
import type { ToolGroup } from '../../host/tools/tools-table.ts';
import { USUAL_VMM } from '../../machine/vmm/drivers.ts';
import { buildContext, type VerbContext } from '../step.ts';

/**
 * What building machines of these architectures takes on this computer, and running them on their host. Throws `tools-missing`; `other-architecture` where
 * the host could only emulate them and has nothing that does.
 */
export async function requireToBoot(arches: readonly Arch[], context: VerbContext, setup: boolean): Promise<void> {
  const run = arches.map((arch): ToolGroup => `machine-${arch}`);
  if (context.host.isHere) return requireTools([...new Set(arches.flatMap(toolGroups))], context, { setup });
  for (const arch of arches) await requireArchitecture(arch, context);
  await requireTools([...new Set(arches.flatMap(buildTools))], buildContext(context), { setup });
  await requireTools(run, context, { setup });
}

async function requireArchitecture(arch: Arch, { host }: VerbContext): Promise<void> {
  const { machine } = await host.facts();
  if (archOf(machine) === arch) return;
  const emulator = USUAL_VMM.program(arch);
  if ((await host.programs([emulator])).has(emulator)) return;
  throw new VmkitError(
    'host',
    'other-architecture',
    `The machine is for ${arch}; ${host.name} is ${machine} and has no ${emulator}, which would emulate it. Nothing was sent.`,
    { hint: 'Remove `arch:` from the definition: a machine then has the architecture of its host.' },
  );
}
