import { dice } from './dice.ts';

/** Whether all tests are asked for: those that repeat in other circumstances what another one proves take half an hour more. */
export const isAll = process.env['VMKIT_TEST_ALL'] !== undefined;

/**
 * So many of these, in their order, others in each run; all of them with VMKIT_TEST_ALL=1. For neighbours of one kind, each of which takes a quarter of a minute in
 * an emulated guest. The seed is printed: VMKIT_TEST_SEED takes the same again.
 */
export function sampled<T>(all: readonly T[], count: number): readonly T[] {
  if (isAll) return all;
  const seed = Number(process.env['VMKIT_TEST_SEED'] ?? Date.now() % 1_000_000);
  console.log(`VMKIT_TEST_SEED=${seed}: ${count} of ${all.length}`);
  const { int } = dice(seed);
  const left = [...all];
  while (left.length > count) left.splice(int(left.length), 1);
  return left;
}
