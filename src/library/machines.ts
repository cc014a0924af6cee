import { requireTools } from '../host/tools/tools.ts';
import { chooseComponents } from '../image/components/component-choice.ts';
import { machineStatus } from '../machine/follow/status.ts';
import { withAddress } from '../machine/ports.ts';
import { loadVm } from '../spec/read/load.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { bootMachines } from '../verbs/boot/boot-machines.ts';
import { describeBooted } from '../verbs/boot/describe-booted.ts';
import { assemble } from '../verbs/build/assemble.ts';
import { buildTools } from '../verbs/build/machine-tools.ts';
import { machineName } from '../verbs/machine-name.ts';
import { buildContext, type VerbContext } from '../verbs/step.ts';
import { stopMachines } from '../verbs/stop.ts';
import type { BootedMachine, BuiltFiles, MachineStatus, StoppedMachine } from './results.ts';

/** Builds what has changed of what a machine boots from. Starts nothing. Throws `tools-missing`, and what building does. */
export async function build(vm: string | VmSpec, context: VerbContext): Promise<BuiltFiles> {
  const spec = await definitionOf(vm, context);
  const builder = buildContext(context);
  await requireTools(await buildTools(spec, builder), builder);
  return (await assemble(spec, chooseComponents([], process.env, spec, process.cwd()), context)).files;
}

/**
 * Builds what has changed, starts a machine and those that it needs, and waits until every service answers. One that runs
 * already is only waited for. A boot that fails leaves the machine as it is, to be looked at: stop it.
 */
export async function boot(
  vm: string | VmSpec,
  context: VerbContext,
): Promise<BootedMachine & { readonly needed: readonly BootedMachine[] }> {
  const spec = await definitionOf(vm, context);
  const chosen = chooseComponents([], process.env, spec, process.cwd());
  const { booted, needed } = await bootMachines(spec, chosen, false, context);
  return { ...describeBooted(booted), needed: needed.map(describeBooted) };
}

/**
 * Stops the machines that need this one, the machine, and those that were started only for it; all of them, in this order.
 * A machine that has not ended by itself after `withinSeconds` (default: 60) is killed. Throws `unknown-machine`.
 */
export async function stop(
  vm: string,
  context: VerbContext,
  { withinSeconds = 60 }: { readonly withinSeconds?: number | undefined } = {},
): Promise<readonly StoppedMachine[]> {
  return stopMachines(await machineName(vm, context), withinSeconds, context);
}

/** How a machine fares, without asking anything of it. Throws `unknown-machine`. */
export async function status(vm: string, context: VerbContext): Promise<MachineStatus> {
  const { name, condition, held, upSeconds, services, ports } = await machineStatus(
    await machineName(vm, context),
    context,
  );
  return { name, condition, held, upSeconds, services, ports: ports.map(withAddress) };
}

/** The definition of a name or a path; one that was read before is taken as it is. */
export async function definitionOf(vm: string | VmSpec, context: VerbContext): Promise<VmSpec> {
  return typeof vm === 'string' ? loadVm(vm, context) : vm;
}
