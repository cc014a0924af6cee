import { isAnswered } from '../net/dial.ts';
import type { Check } from './checks/check.ts';
import { hostNetworkHolds } from './checks/host-network.ts';
import { noCard, phoneChecks } from './checks/phone.ts';
import { degradations, isSilentByNature, TO_NODE } from './degraded.ts';
import type { Dial, Facts } from './facts.ts';
import { withOtherFamily } from './families.ts';
import type { Explained } from './follow/explain.ts';
import { followDial } from './follow/follow-dial.ts';
import { journeyOf } from './follow/journey.ts';
import { isPassed } from './hops.ts';
import type { Finding, Layer, Verdict } from './report.ts';
import { WAYS, type Way } from './ways.ts';

/** Judges every way from what was looked at. Pure. */
export function judge(facts: Facts): Verdict[] {
  const ways = WAYS.filter(({ isOfPhone }) => isOfPhone !== true || facts.phone !== undefined);
  return ways.map((way) => withOtherFamily(way, judgeWay(way, facts), facts));
}

function judgeWay(way: Way, facts: Facts): Verdict {
  const base = { ...NOTHING, way: way.id };
  const reason = noCard(facts) ?? way.whyNot(facts);
  if (reason !== undefined) return { ...base, state: 'unavailable', reason };
  const dialled = way.dial(facts);
  const dial = dialled?.isUnasked ? undefined : dialled;
  const isThere = dial !== undefined && (isAnswered(dial) || dial.result === 'coming' || isSilentByNature(facts, dial));
  const works = isThere && !isErrorOnWay(facts, dial);
  const { trail, explained } = works || dial === undefined ? {} : followDial(way.id, dial, facts);
  const reached = trail?.reached ?? [];
  // All that leads to a machine goes through its host.
  const ofHost = facts.phone !== undefined ? phoneChecks : facts.hostNetwork === undefined ? [] : [hostNetworkHolds];
  const checks = [...ofHost, ...way.checks];
  const isHarmless = ({ hop, isOfDial }: Check): boolean =>
    works ||
    (isOfDial !== true && hop !== explained?.finding.hop && reached.some((each) => isPassed(way.id, hop, each)));
  const { layers, finding, isOfDial, warnings } = climb(checks, facts, isHarmless);
  const seen = {
    ...base,
    address: way.address(facts),
    layers,
    warnings,
    trail: dial === undefined ? [] : journeyOf(way.id, dial, facts, trail),
  };
  if (works) return judgeAnswer(way, facts, dial, seen);
  if (explained?.isCertain && !isNamedBy(finding, explained)) {
    return { ...seen, state: 'fails', finding: explained.finding };
  }
  if (finding !== undefined && !isOfDial) return { ...seen, state: 'fails', finding: withPackets(finding, explained) };
  if (dial !== undefined) {
    const told = explained?.finding ?? behindNode(way, finding ?? unexplained(way, facts, dial), facts);
    return { ...seen, state: 'fails', finding: told };
  }
  return { ...seen, state: 'untried', reason: dialled?.observation.output ?? way.whyUntried?.(facts) ?? noPeer(facts) };
}

/** Packets and the kernel say where it ended; a layer that is broken at the same hop says why. */
function isNamedBy(finding: Finding | undefined, { isGeneral, finding: { hop } }: Explained): boolean {
  return isGeneral && finding?.hop === hop;
}

/** What was seen of the packets is told beside what a layer says, where both are of one hop. */
function withPackets(finding: Finding, explained: Explained | undefined): Finding {
  if (explained?.finding.hop !== finding.hop) return finding;
  return { ...finding, observed: `${finding.observed}; ${explained.finding.observed}` };
}

const NOTHING = {
  address: undefined,
  firstByteMs: undefined,
  wholeMs: undefined,
  finding: undefined,
  reason: undefined,
  warnings: [],
  layers: [],
  trail: [],
} as const;

function judgeAnswer(way: Way, facts: Facts, dial: Dial, seen: Omit<Verdict, 'state'>): Verdict {
  const { firstByteMs, wholeMs } = dial;
  const [finding, ...more] = degradations(way.id, facts, dial);
  const told = new Set([finding, ...more].map((each) => each?.cause));
  const warnings = [...more, ...seen.warnings.filter(({ cause }) => !told.has(cause))];
  return { ...seen, state: finding === undefined ? 'works' : 'degraded', firstByteMs, wholeMs, finding, warnings };
}

/** An error that the service itself does not answer with is somebody else's, in front of it. */
function isErrorOnWay({ asked }: Facts, { status = 0 }: Dial): boolean {
  return status >= 500 && asked?.status !== undefined && asked.status < 500;
}

/** Where nothing was followed: a node that answers pings has the packets, so that they end behind it. */
function behindNode({ id }: Way, finding: Finding, { peer }: Facts): Finding {
  const isThere = /^pong from /m.test(peer?.ping?.output ?? '');
  if (finding.hop !== 'peer' || !isThere || !TO_NODE.includes(id)) return finding;
  return { ...finding, hop: 'guest', title: `${finding.title}, behind the node, where nobody could look in time` };
}

/** What is told where every layer that was looked at is in order, and the peer's dial failed all the same. */
function unexplained({ id }: Way, { target, asked }: Facts, { result, status, observation }: Dial): Finding {
  const inGuest = asked === undefined ? '' : `; inside the guest: ${asked.observation.output}`;
  const base = { observed: `${observation.output}${inGuest}`, fix: `vmkit logs ${target.machine}` };
  if (status === undefined || status < 500) {
    return { ...base, cause: `dial-${result}`, hop: 'peer', title: `the peer's dial ended: ${result}` };
  }
  const hop = id === 'host-proxy' ? 'host' : 'tailscaled';
  const title = `${status} is answered in front of the service, which answers ${asked?.status} itself`;
  return { ...base, cause: 'answers-5xx', hop, title };
}

function noPeer({ peerError }: Facts): string | undefined {
  return peerError === undefined ? undefined : `no peer could look: ${peerError}`;
}

interface Climbed {
  readonly layers: readonly Layer[];
  readonly finding: Finding | undefined;
  /** It says no more than that the dial failed. */
  readonly isOfDial: boolean;
  readonly warnings: readonly Finding[];
}

/**
 * From the bottom up: the first layer that is broken is the answer; what stands on it is not asked. What the peer's
 * packets have passed all the same breaks nothing:
 * it is told beside.
 */
function climb(checks: readonly Check[], facts: Facts, isHarmless: (check: Check) => boolean): Climbed {
  const layers: Layer[] = [];
  const warnings: Finding[] = [];
  let finding: Finding | undefined;
  let isOfDial = false;
  for (const check of checks) {
    const { id, title, hop, look } = check;
    const looked = finding === undefined ? look(facts) : undefined;
    if (looked === undefined) {
      layers.push({ id, title, hop, state: 'skipped', evidence: [] });
      continue;
    }
    const problem = looked.ok ? looked.warning : looked.problem;
    const isBroken = !looked.ok && !isHarmless(check);
    if (problem !== undefined && isBroken) finding = { ...problem, hop };
    if (isBroken) isOfDial = check.isOfDial === true;
    else if (problem !== undefined && check.isOfDial !== true) warnings.push({ ...problem, hop });
    const state = isBroken ? 'failed' : problem === undefined ? 'ok' : 'warned';
    layers.push({ id, title, hop, state, evidence: looked.evidence });
  }
  // What explains least is told last.
  const isSlow = ({ cause }: Finding): number => Number(cause === 'guest-slow');
  return { layers, finding, isOfDial, warnings: warnings.toSorted((one, other) => isSlow(one) - isSlow(other)) };
}
