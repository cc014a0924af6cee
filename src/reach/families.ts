import { isIpv6 } from '../core/addresses/ipv6.ts';
import { isAnswered } from '../net/dial.ts';
import { SLOWER_MS, TO_NODE } from './degraded.ts';
import type { Dial, Facts } from './facts.ts';
import { followDial } from './follow/follow-dial.ts';
import type { Finding, Verdict } from './report.ts';
import type { Way } from './ways.ts';

/**
 * What a peer got by the node's address of the other family. That a service refuses one family costs nobody anything: programs take the other at once. That one is
 * silent is told: who types that address, or whose name leads to it, waits.
 */
export function withOtherFamily(way: Way, verdict: Verdict, facts: Facts): Verdict {
  const { peer } = facts;
  const other = peer?.otherFamily;
  const dial = way.dial(facts);
  if (peer === undefined || other === undefined || dial === undefined) return verdict;
  if (!TO_NODE.includes(way.id) || verdict.state === 'unavailable') return verdict;
  const byOther = { ...facts, peer: { ...peer, node: other.node, address: other.from, dials: other.dials } };
  const otherDial = way.dial(byOther);
  if (otherDial === undefined) return verdict;
  if (isSilentBeside(dial, otherDial)) {
    const told = whereEnded(way, otherDial, byOther, onlyOne(facts, dial, otherDial, other.node));
    return { ...verdict, warnings: [...verdict.warnings, told] };
  }
  if (verdict.state !== 'fails' || isAnswered(dial) || !isAnswered(otherDial)) return verdict;
  const { firstByteMs, wholeMs } = otherDial;
  const finding = verdict.finding ?? onlyOne(facts, otherDial, dial, peer.node ?? '');
  const title = `by ${familyOf(peer.node ?? '')} no answer comes, by ${familyOf(other.node)} it does: ${finding.title}`;
  return { ...verdict, state: 'degraded', firstByteMs, wholeMs, finding: { ...finding, title } };
}

/** Silent beside a family that answers at once. That one refuses is an answer: programs take the other family at once. */
export function isSilentBeside(dial: Dial, { result }: Pick<Dial, 'result'>): boolean {
  return isAnswered(dial) && (dial.wholeMs ?? 0) < SLOWER_MS && result !== 'data' && result !== 'refused';
}

function familyOf(address: string): string {
  return isIpv6(address) ? 'IPv6' : 'IPv4';
}

/** Where the packets of the silent family ended, if they were followed. */
function whereEnded({ id }: Way, silent: Dial, byOther: Facts, told: Finding): Finding {
  const { trail, explained } = followDial(id, silent, byOther);
  if (trail?.end === undefined || explained === undefined) return told;
  const { hop, title, observed, fix } = explained.finding;
  return { ...told, hop, title: `${told.title}: ${title}`, observed: `${told.observed}; ${observed}`, fix };
}

function onlyOne({ target }: Facts, answered: Dial, silent: Dial, address: string): Finding {
  const family = familyOf(address);
  return {
    cause: 'one-family-silent',
    hop: 'guest',
    title: `by ${family} no answer comes, by the other family it does`,
    observed: `${silent.observation.command}: ${silent.observation.output}; ${answered.observation.command}: ${answered.observation.output}`,
    fix: `vmkit exec ${target.machine} -- sh -c 'ip ${family === 'IPv6' ? '-6 ' : ''}address; ip ${family === 'IPv6' ? '-6 ' : ''}route; nft list ruleset'`,
  };
}
