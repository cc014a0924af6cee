import type { Dial, Facts } from '../facts.ts';
import type { WayId } from '../report.ts';
import { type Explained, explainEnd } from './explain.ts';
import { followTrail, type Trail } from './trail.ts';

/** The way that a dial's packets went, and why it ended where it did; nothing where nobody watched. Pure. */
export function followDial(
  way: WayId,
  dial: Dial,
  facts: Facts,
): { readonly trail?: Trail | undefined; readonly explained?: Explained | undefined } {
  const trail = followTrail(way, facts);
  // Where nobody watched the guest, that nothing is missed says nothing of it.
  const isToldWhole = trail?.end !== undefined || facts.watches?.guest !== undefined;
  return { trail, explained: trail === undefined || !isToldWhole ? undefined : explainEnd(way, trail, dial, facts) };
}
