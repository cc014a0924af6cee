import { dice, SEED } from './dice.ts';

/** Whether all tests are asked for: those that repeat in other circumstances what another one proves take half an hour more. */
export const isAll = process.env['VMKIT_TEST_ALL'] !== undefined;

/**
 * So many of these, in their order, others in each run; all of them with VMKIT_TEST_ALL=1. For neighbours of one kind, each of which takes a quarter of a minute in
 * an emulated guest. The seed is printed: VMKIT_TEST_SEED takes the same again.
 */
export function sampled<T>(all: readonly T[], count: number): readonly T[] {
  if (isAll) return all;
  console.log(`VMKIT_TEST_SEED=${SEED}: ${count} of ${all.length}`);
  const { int } = dice(SEED);
  const left = [...all];
  while (left.length > count) left.splice(int(left.length), 1);
  return left;
}

/**
 * Whether it is the turn of one of several files that prove the same of neighbours: one of them in each run of CI, and all elsewhere. Each of these files boots guests
 * of its own for minutes.
 */
export function isTurnOf(one: string, neighbours: readonly string[]): boolean {
  return process.env['CI'] === undefined || sampled(neighbours, 1).includes(one);
}

/** Ways in by a tunnel of the machine's own. */
export const TUNNELS = ['wireguard', 'nebula'];
