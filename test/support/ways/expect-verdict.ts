import { type Assertion, expect } from 'vitest';
import type { Verdict } from '../../../src/reach/report.ts';

/** `expect` for a verdict: where it fails, its message says what probe found. */
export function expectVerdict(verdict: Verdict): Assertion<Verdict> {
  const { way, state, reason, finding } = verdict;
  const found = finding === undefined ? undefined : `${finding.hop}: ${finding.title}: ${finding.observed}`;
  return expect(verdict, [`${way} ${state}`, reason, found].filter((text) => text !== undefined).join('; '));
}
