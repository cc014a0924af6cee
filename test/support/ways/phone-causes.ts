import { phoneChecks } from '../../../src/reach/checks/phone.ts';
import type { Facts } from '../../../src/reach/facts.ts';

/** What the checks of a phone find, the lowest first. */
export function causesOf(facts: Facts): readonly string[] {
  return phoneChecks.flatMap(({ look }) => {
    const looked = look(facts);
    const problem = looked === undefined ? undefined : looked.ok ? looked.warning : looked.problem;
    return problem === undefined ? [] : [problem.cause];
  });
}
