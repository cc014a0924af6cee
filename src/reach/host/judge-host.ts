import type { Finding, Layer } from '../report.ts';
import { HOST_CHECKS } from './host-checks.ts';
import type { HostFacts } from './host-facts.ts';

/** What was found of this computer as a node. */
export interface HostReport {
  /** How its tailscaled was found; undefined: none answers. */
  readonly daemon: { readonly socket: string; readonly foundBy: string } | undefined;
  readonly layers: readonly Layer[];
  readonly findings: readonly Finding[];
}

/** Every layer by itself: what is broken below does not silence what is wrong above. Pure. */
export function judgeHost(facts: HostFacts): Pick<HostReport, 'layers' | 'findings'> {
  const judged = HOST_CHECKS.map(({ id, title, hop, look }): { layer: Layer; finding?: Finding } => {
    const looked = look(facts);
    if (looked === undefined) return { layer: { id, title, hop, state: 'skipped', evidence: [] } };
    const problem = looked.ok ? looked.warning : looked.problem;
    const state = !looked.ok ? 'failed' : problem === undefined ? 'ok' : 'warned';
    const layer: Layer = { id, title, hop, state, evidence: looked.evidence };
    return problem === undefined ? { layer } : { layer, finding: { ...problem, hop } };
  });
  return {
    layers: judged.map(({ layer }) => layer),
    findings: judged.flatMap(({ finding }) => (finding === undefined ? [] : [finding])),
  };
}
