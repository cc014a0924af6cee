import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findCycles, orderServices } from '../../src/spec/order.ts';

interface Node {
  name: string;
  needs: string[];
}

/** Services that need only earlier ones, then shuffled: there is an order. */
const acyclic = fc
  .array(fc.array(fc.nat(), { maxLength: 4 }), { maxLength: 12 })
  .map((lists) =>
    lists.map((needs, at): Node => ({ name: `s${at}`, needs: at === 0 ? [] : needs.map((n) => `s${n % at}`) })),
  )
  .chain((nodes) => fc.shuffledSubarray(nodes, { minLength: nodes.length }));

/** Any needs at all, of oneself and of nobody included. */
const anyNeeds = fc
  .array(fc.array(fc.nat({ max: 9 }), { maxLength: 3 }), { maxLength: 8 })
  .map((lists) => lists.map((needs, at): Node => ({ name: `s${at}`, needs: needs.map((n) => `s${n}`) })));

describe('order', () => {
  test('is a permutation in which each service stands after its needs', () => {
    fc.assert(
      fc.property(acyclic, (services) => {
        const ordered = orderServices(services);
        expect(new Set(ordered)).toEqual(new Set(services));
        expect(ordered).toHaveLength(services.length);
        ordered.forEach(({ needs }, at) => {
          const before = new Set(ordered.slice(0, at).map(({ name }) => name));
          expect(needs.filter((need) => !before.has(need))).toEqual([]);
        });
      }),
    );
  });

  test('keeps what is in order already, and what has no needs', () => {
    fc.assert(
      fc.property(acyclic, (services) => {
        const ordered = orderServices(services);
        expect(orderServices(ordered)).toEqual(ordered);
        const free = services.map(({ name }) => ({ name, needs: [] }));
        expect(orderServices(free)).toEqual(free);
      }),
    );
  });

  test('there is one exactly when there is no cycle', () => {
    fc.assert(
      fc.property(anyNeeds, (services) => {
        const cycles = findCycles(services);
        if (cycles.length === 0) expect(orderServices(services)).toHaveLength(services.length);
        else expect(() => orderServices(services)).toThrow(expect.objectContaining({ code: 'needs-cycle' }));
      }),
    );
  });
});

describe('cycles', () => {
  test('are closed walks along needs', () => {
    fc.assert(
      fc.property(anyNeeds, (services) => {
        const needsOf = new Map(services.map(({ name, needs }) => [name, needs]));
        for (const cycle of findCycles(services)) {
          expect(cycle.length).toBeGreaterThan(1);
          expect(cycle.at(-1)).toBe(cycle[0]);
          for (const [at, name] of cycle.slice(1).entries()) expect(needsOf.get(cycle[at] ?? '')).toContain(name);
        }
      }),
    );
  });

  test('are named in full', () => {
    const services = [
      { name: 'a', needs: ['b'] },
      { name: 'b', needs: ['c'] },
      { name: 'c', needs: ['b'] },
      { name: 'd', needs: ['d'] },
    ];
    expect(findCycles(services)).toEqual([
      ['b', 'c', 'b'],
      ['d', 'd'],
    ]);
    expect(() => orderServices(services)).toThrow('b → c → b; d → d');
  });

  test('of 200 services that each need all before them, and of 200 that each need all others', () => {
    const names = Array.from({ length: 200 }, (_, at) => `s${at}`);
    const dense = names.map((name, at) => ({ name, needs: names.slice(0, at) })).reverse();
    expect(orderServices(dense).map(({ name }) => name)).toEqual(names);
    const knot = names.map((name) => ({ name, needs: names.filter((other) => other !== name) }));
    const cycles = findCycles(knot);
    expect(cycles.length).toBeGreaterThan(0);
    expect(cycles.length).toBeLessThanOrEqual(200);
  });
});
