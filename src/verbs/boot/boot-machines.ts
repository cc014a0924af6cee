import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import { type ChosenComponents, chooseComponents } from '../../image/components/component-choice.ts';
import { vmmChooser } from '../../machine/choose-vmm.ts';
import { type LockedMachine, withMachine } from '../../machine/state/machine-lock.ts';
import { loadVm } from '../../spec/read/load.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { renewHost } from '../host/host-network.ts';
import { renewSupervisor } from '../phone/phone-network.ts';
import { unserveNow } from '../reach/unserve-later.ts';
import { runSteps, type Step, type VerbContext } from '../step.ts';
import { type BootOutcome, prepareBoot } from './boot-flow.ts';
import { requireToBoot } from './require-to-boot.ts';

export interface BootedMachines {
  readonly booted: BootOutcome;
  /** The machines that it needs, in the order in which they were started. */
  readonly needed: readonly BootOutcome[];
}

/**
 * Boots the machines that one needs and the machine. All are built and prepared before the first is started; then each
 * starts when those that it needs are ready, or beside them where its services wait for the others by themselves. First and last,
 * what a reboot of this host undid is made again.
 */
export async function bootMachines(
  spec: VmSpec,
  chosen: ChosenComponents,
  { setup = false, isAdopted = false }: { readonly setup?: boolean; readonly isAdopted?: boolean },
  context: VerbContext,
): Promise<BootedMachines> {
  const others = await neededMachines(spec, (name) => loadVm(name, context));
  const machines = [...others, spec];
  const choose = vmmChooser(context);
  await requireToBoot(machines, choose, context, setup);
  if ((await choose(spec.arch)).vmm.name === 'phone') await renewSupervisor(context);
  // A reboot of this host took away the bridge that a machine's card needs.
  if (machines.some(({ network }) => network.kind === 'bridge' || network.kind === 'macvtap')) await renewHost(context);
  const names = machines.map(({ name }) => name);
  const outcome = await withMachines(names, `vmkit boot ${spec.name}`, context, async (locked) => {
    const prepared: Prepared<BootOutcome>[] = [];
    for (const other of others) {
      const components = chooseComponents([], process.env, other, process.cwd());
      prepared.push({
        spec: other,
        step: await prepareBoot(other, locked(other.name), components, context, {
          choose,
          isAdopted,
          startedFor: spec.name,
        }),
      });
    }
    const last = { spec, step: await prepareBoot(spec, locked(spec.name), chosen, context, { choose, isAdopted }) };
    const outcomes = await runSteps(inOrder([...prepared, last]), context);
    for (const { name } of machines) await unserveNow(name, context);
    const booted = outcomes.at(-1);
    if (booted === undefined) throw new TypeError('A boot without a machine.');
    return { booted, needed: outcomes.slice(0, -1) };
  });
  await renewHost(context);
  return outcome;
}

interface Prepared<Result> {
  readonly spec: VmSpec;
  readonly step: Step<Result>;
}

/** Steps to be begun in this order, beside one another. Where one fails, those that need it are given up, as by Ctrl-C. */
export function inOrder<Result>(prepared: readonly Prepared<Result>[]): readonly Step<Result>[] {
  const running = new Map<string, Promise<Result>>();
  return prepared.map(({ spec, step }) => {
    const start = async (context: Context): Promise<Result> => {
      const needed = Promise.all(spec.needs.map((name) => running.get(name)));
      const stop = new AbortController();
      needed.catch(() => stop.abort());
      if (!waitsByItself(spec)) await needed;
      return step.run({ ...context, signal: AbortSignal.any([context.signal, stop.signal]) });
    };
    return {
      ...step,
      run: (context) => {
        const run = start(context);
        running.set(spec.name, run);
        return run;
      },
    };
  });
}

/** vmkit's own services wait for what they need of other machines (spec/services/postgres/remote-database.ts); what a person's do is not known. */
function waitsByItself({ services }: VmSpec): boolean {
  return services.every(({ isOwn }) => isOwn !== true);
}

/** The locks of machines, taken by name: two boots that share machines never wait for each other. */
async function withMachines<T>(
  names: readonly string[],
  purpose: string,
  context: VerbContext,
  work: (locked: (name: string) => LockedMachine) => Promise<T>,
): Promise<T> {
  const held = new Map<string, LockedMachine>();
  const lock = async ([first, ...rest]: readonly string[]): Promise<T> => {
    if (first === undefined) return work((name) => requireHeld(held, name));
    return withMachine(first, purpose, context, (machine) => {
      held.set(first, machine);
      return lock(rest);
    });
  };
  return lock([...names].sort());
}

function requireHeld(held: ReadonlyMap<string, LockedMachine>, name: string): LockedMachine {
  const machine = held.get(name);
  if (machine === undefined) throw new TypeError(`The lock of ${name} is not held.`);
  return machine;
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
