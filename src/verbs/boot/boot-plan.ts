import { join } from 'node:path';
import { type MachinePaths, machinePaths } from '../../core/paths.ts';
import type { ChosenComponents } from '../../image/components/component-choice.ts';
import { onVmm } from '../../machine/abilities.ts';
import { chooseVmm } from '../../machine/choose-vmm.ts';
import { placeMachine } from '../../machine/plan.ts';
import { runningMachine } from '../../machine/state/running.ts';
import type { OpenFile } from '../../machine/vmm/launch/open-file.ts';
import type { Accelerator } from '../../machine/vmm/vmm.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { type PlannedArtifact, planArtifacts, plannedKernel } from '../build/plan-artifacts.ts';
import { isThere } from '../machine-name.ts';
import type { VerbContext } from '../step.ts';
import { plannedUser } from './machine-user.ts';

/** What `boot` would do now. */
export interface BootPlan {
  readonly name: string;
  readonly isRunning: boolean;
  readonly artifacts: readonly PlannedArtifact[];
  readonly hasDataDisk: boolean;
  readonly accelerator: Accelerator;
  /** The monitor's command, and the files that it is given open; artifacts that are not built yet are named by their kind. */
  readonly command: readonly string[];
  readonly files: readonly OpenFile[];
}

/** Looks, builds nothing and starts nothing. */
export async function planBoot(given: VmSpec, chosen: ChosenComponents, context: VerbContext): Promise<BootPlan> {
  const { vmm } = await chooseVmm(given.arch, context);
  const { spec } = onVmm(given, vmm, context.host.name);
  const artifacts = await planArtifacts(spec, chosen, context);
  const file = (kind: string, name: string): string => {
    const found = artifacts.find((artifact) => artifact.kind === kind);
    return join(found?.directory ?? `<${kind}>`, name);
  };
  const kernel = await plannedKernel(spec, context);
  const files = {
    kernel: kernel.boot,
    root: file('root', 'root.img'),
    initramfs: file('initramfs', 'initramfs.cpio'),
    components: artifacts.some(({ kind }) => kind === 'components') ? file('components', 'components.img') : undefined,
    modules: kernel.modules,
  };
  const keys = artifacts.flatMap(({ kind, key }) => (key === undefined ? [] : [[kind, key] as const]));
  const user = await plannedUser(spec.name, vmm, context);
  const request = { spec, files, kernel: kernel.text, dataUuid: '<data disk>', user, tells: [] };
  const decide: typeof vmm.decideAccelerator = async (trial, inner) =>
    (await vmm.knownAccelerator(trial, inner)) ?? { name: 'kvm', reason: 'KVM, if it runs a guest when it is tried' };
  const known = { ...request, artifacts: Object.fromEntries(keys) };
  const { placed, state } = await placeMachine(known, vmm, decide, context);
  const { argv, files: open } = vmm.command(placed);
  const paths: MachinePaths = machinePaths(context.paths, spec.name);
  return {
    name: spec.name,
    isRunning: (await runningMachine(spec.name, context)) !== undefined,
    artifacts,
    hasDataDisk: await isThere(paths.dataDisk, context),
    accelerator: state.accelerator,
    command: argv,
    files: open,
  };
}
