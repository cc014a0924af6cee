import type { Check } from './checks/check.ts';
import type { Facts } from './facts.ts';
import type { Finding, Layer, Verdict } from './report.ts';
import { WAYS, type Way } from './ways.ts';

/** Judges every way from what was looked at. Pure. */
export function judge(facts: Facts): Verdict[] {
  return WAYS.map((way) => judgeWay(way, facts));
}

function judgeWay(way: Way, facts: Facts): Verdict {
  const reason = way.whyNot(facts);
  const base = {
    way: way.id,
    address: undefined,
    firstByteMs: undefined,
    finding: undefined,
    reason: undefined,
    warnings: [],
  };
  if (reason !== undefined) return { ...base, state: 'unavailable', reason, layers: [] };
  const { layers, finding, warnings } = climb(way.checks, facts);
  const address = way.address(facts);
  if (finding !== undefined) return { ...base, state: 'fails', address, finding, warnings, layers };
  const dial = way.dial(facts);
  const seen = { ...base, address, warnings, layers };
  if (dial === undefined) return { ...seen, state: 'untried', reason: way.whyUntried?.(facts) };
  return { ...seen, state: 'works', firstByteMs: dial.firstByteMs };
}

interface Climbed {
  readonly layers: readonly Layer[];
  readonly finding: Finding | undefined;
  readonly warnings: readonly Finding[];
}

/** From the bottom up: the first layer that is broken is the answer; what stands on it is not asked. */
function climb(checks: readonly Check[], facts: Facts): Climbed {
  const layers: Layer[] = [];
  const warnings: Finding[] = [];
  let finding: Finding | undefined;
  for (const { id, title, hop, look } of checks) {
    const looked = finding === undefined ? look(facts) : undefined;
    if (looked === undefined) {
      layers.push({ id, title, hop, state: 'skipped', evidence: [] });
      continue;
    }
    const warning = looked.ok ? looked.warning : undefined;
    if (warning !== undefined) warnings.push({ ...warning, hop });
    if (!looked.ok) finding = { ...looked.problem, hop };
    const state = !looked.ok ? 'failed' : warning === undefined ? 'ok' : 'warned';
    layers.push({ id, title, hop, state, evidence: looked.evidence });
  }
  return { layers, finding, warnings };
}
