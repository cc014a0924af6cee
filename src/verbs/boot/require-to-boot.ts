import { archOf } from '../../core/arch.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { requireTools } from '../../host/tools/tools.ts';
import type { ToolGroup } from '../../host/tools/tools-table.ts';
import type { ChooseVmm } from '../../machine/choose-vmm.ts';
import { USUAL_VMM } from '../../machine/vmm/drivers.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { buildTools } from '../build/machine-tools.ts';
import { buildContext, type VerbContext } from '../step.ts';

type Machine = Pick<VmSpec, 'arch' | 'kernel' | 'directory'>;

/**
 * What building these machines takes on this computer, and running them on their host. Throws `tools-missing`; `other-architecture` where the host could
 * only emulate them and has nothing that does; `phone-no-monitor`.
 */
export async function requireToBoot(
  machines: readonly Machine[],
  choose: ChooseVmm,
  context: VerbContext,
  setup: boolean,
): Promise<void> {
  const builder = buildContext(context);
  const run = machines.map(({ arch }): ToolGroup => `machine-${arch}`);
  const build = (await Promise.all(machines.map((machine) => buildTools(machine, builder)))).flat();
  if (context.host.isHere) return requireTools([...new Set([...build, ...run])], context, { setup });
  for (const { arch } of machines) await requireArchitecture(arch, context);
  await requireTools([...new Set(build)], builder, { setup });
  // What a phone's machines take, each phone has.
  if (!(await isPhones(machines, choose))) await requireTools([...new Set(run)], context, { setup });
}

async function isPhones(machines: readonly Machine[], choose: ChooseVmm): Promise<boolean> {
  const chosen = await Promise.all(machines.map(({ arch }) => choose(arch)));
  return chosen.every(({ vmm }) => vmm.name === 'phone' || vmm.name === 'avf');
}

async function requireArchitecture(arch: VmSpec['arch'], { host }: VerbContext): Promise<void> {
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
