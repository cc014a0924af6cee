import { VmkitError } from '../core/errors/errors.ts';

interface Needing {
  readonly name: string;
  readonly needs: readonly string[];
}

/**
 * Every service after those it needs; where that leaves a choice, in the order in which they are written.
 * Needs that are not in the list are taken as met. Throws `needs-cycle` when there is no order.
 */
export function orderServices<S extends Needing>(services: readonly S[]): S[] {
  const ordered: S[] = [];
  const open = new Map(services.map((service) => [service.name, service]));
  while (open.size > 0) {
    const next = [...open.values()].find(({ name, needs }) => !needs.some((need) => need === name || open.has(need)));
    if (next === undefined) throw cycleError(services);
    open.delete(next.name);
    ordered.push(next);
  }
  return ordered;
}

/**
 * Cycles in `needs`, each named in full: [a, b, a]. At least one for each knot of services that wait for each other, and no more than there are services:
 * each has one that the others have not.
 */
export function findCycles(services: readonly Needing[]): string[][] {
  const byName = new Map(services.map((service) => [service.name, service]));
  const done = new Set<string>();
  const named = new Set<string>();
  const cycles: string[][] = [];
  const visit = (name: string, path: readonly string[]): void => {
    const start = path.indexOf(name);
    const cycle = start < 0 ? [] : [...path.slice(start), name];
    if (cycle.some((one) => !named.has(one))) cycles.push(cycle);
    for (const one of cycle) named.add(one);
    const service = byName.get(name);
    if (start >= 0 || done.has(name) || service === undefined) return;
    for (const need of new Set(service.needs)) visit(need, [...path, name]);
    done.add(name);
  };
  for (const { name } of services) visit(name, []);
  return cycles;
}

function cycleError(services: readonly Needing[]): VmkitError {
  const cycles = findCycles(services).map((cycle) => cycle.join(' → '));
  return new VmkitError('spec', 'needs-cycle', `These services wait for each other: ${cycles.join('; ')}.`, {
    hint: 'Remove one of the needs.',
  });
}
