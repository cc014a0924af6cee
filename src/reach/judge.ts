import type { Check, Facts } from './check.ts';
import type { Finding, Layer, Verdict } from './report.ts';
import { WAYS, type Way } from './ways.ts';

/** Judges every way from what was looked at. Pure. */
export function judge(facts: Facts): Verdict[] {
  return WAYS.map((way) => judgeWay(way, facts));
}

function judgeWay(way: Way, facts: Facts): Verdict {
  const reason = way.whyNot(facts);
  const base = { way: way.id, address: undefined, firstByteMs: undefined, finding: undefined, reason: undefined };
  if (reason !== undefined) return { ...base, state: 'unavailable', reason, layers: [] };
  const { layers, finding } = climb(way.checks, facts);
  const address = way.address(facts);
  if (finding !== undefined) return { ...base, state: 'fails', address, finding, layers };
  const dial = way.dial(facts);
  return { ...base, state: dial === undefined ? 'untried' : 'works', address, firstByteMs: dial?.firstByteMs, layers };
}

/** From the bottom up: the first layer that is broken is the answer; what stands on it is not asked. */
function climb(checks: readonly Check[], facts: Facts): { layers: Layer[]; finding: Finding | undefined } {
  const layers: Layer[] = [];
  let finding: Finding | undefined;
  for (const { id, title, hop, look } of checks) {
    const looked = finding === undefined ? look(facts) : undefined;
    if (looked === undefined) {
      layers.push({ id, title, hop, state: 'skipped', evidence: [] });
      continue;
    }
    layers.push({ id, title, hop, state: looked.ok ? 'ok' : 'failed', evidence: looked.evidence });
    if (!looked.ok) finding = { ...looked.problem, hop };
  }
  return { layers, finding };
}
