/** Random choices that a seed gives again. */
export interface Dice {
  /** 0 to `below` - 1. */
  readonly int: (below: number) => number;
  readonly chance: (probability: number) => boolean;
  readonly pick: <T>(choices: readonly T[]) => T;
}

/** Of this run: vitest.config.ts chooses it, so that all files agree. VMKIT_TEST_SEED takes the same again. */
export const SEED = Number(process.env['VMKIT_TEST_SEED'] ?? Date.now() % 1_000_000);

/** mulberry32: good enough to vary calls. */
export function dice(seed: number): Dice {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return {
    int,
    chance: (probability) => next() < probability,
    pick: <T>(choices: readonly T[]): T => {
      const [chosen] = choices.slice(int(choices.length));
      if (chosen === undefined) throw new RangeError('Nothing to choose from.');
      return chosen;
    },
  };
}
