import { VmkitError } from '../core/errors.ts';
import { type ChosenComponents, chooseComponents } from '../image/component-choice.ts';
import { loadVm } from '../spec/load.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { type BootOutcome, boot } from './boot-flow.ts';
import type { CommandContext } from './command.ts';

export interface BootedMachines {
  readonly booted: BootOutcome;
  /** The machines that it needs, in the order in which they were started. */
  readonly needed: readonly BootOutcome[];
}

/** Boots the machines that one needs, each when those that it needs itself are ready, and then the machine. */
export async function bootMachines(
  spec: VmSpec,
  chosen: ChosenComponents,
  setup: boolean,
  context: CommandContext,
): Promise<BootedMachines> {
  const needed: BootOutcome[] = [];
  for (const other of await neededMachines(spec, (name) => loadVm(name, context))) {
    const components = chooseComponents([], process.env, other, process.cwd());
    needed.push(await boot(other, components, setup, context, spec.name));
  }
  return { booted: await boot(spec, chosen, setup, context), needed };
}

/** All machines that one needs, directly or not, in an order in which they can start. Throws `machine-cycle`, which it names. */
export async function neededMachines(
  spec: VmSpec,
  load: (name: string) => Promise<VmSpec>,
): Promise<readonly VmSpec[]> {
  const found = new Map<string, VmSpec>();
  const visit = async (machine: VmSpec, path: readonly string[]): Promise<void> => {
    for (const name of machine.needs) {
      if (path.includes(name)) throw cycle([...path.slice(path.indexOf(name)), name]);
      if (found.has(name)) continue;
      const other = await load(name);
      await visit(other, [...path, name]);
      found.set(name, other);
    }
  };
  await visit(spec, [spec.name]);
  return [...found.values()];
}

function cycle(names: readonly string[]): VmkitError {
  return new VmkitError('spec', 'machine-cycle', `Machines need each other in a circle: ${names.join(' → ')}.`, {
    hint: 'Each waits until the next is ready, so none ever starts. Remove one of these needs.',
  });
}
