import { servedFor } from '../checks/node.ts';
import type { Dial, Facts } from '../facts.ts';
import { isTunnel } from '../hops.ts';
import type { Finding, WayId } from '../report.ts';
import { answerNotWhole, questionLost } from './causes/answer-causes.ts';
import {
  betweenBoth,
  certificateAwaited,
  dropped,
  notArrived,
  peerSendsElsewhere,
  rewritten,
  type Why,
} from './causes/causes.ts';
import { passedBy } from './causes/interface-causes.ts';
import { inKernel, toldByKernel, wrongWayBack } from './causes/kernel-causes.ts';
import { answerLost } from './causes/lost-causes.ts';
import { notTaken, silent } from './causes/socket-causes.ts';
import { endedOutside, lostInTunnel } from './causes/tunnel-causes.ts';
import type { KernelWord } from './seen/kernel-word.ts';
import type { Watched } from './seen/sightings.ts';
import type { TracedDrop } from './seen/trace.ts';
import { isOuter, type Place, type Step } from './step.ts';
import { streamOf } from './stream-of.ts';
import type { Trail } from './trail.ts';

/** Why a connection ended where it did. */
export interface Explained {
  readonly finding: Finding;
  /** Its own packets, or a counter of just that, tell so; else it is what is left. */
  readonly isCertain: boolean;
  /** It says where the packet ended, and no more. */
  readonly isGeneral: boolean;
}

/** Says why a connection that a peer got no answer on ended where its trail ends. Pure. */
export function explainEnd(way: WayId, trail: Trail, dial: Dial, facts: Facts): Explained {
  const { end, last } = trail;
  const watched = facts.watches?.[end?.place ?? 'guest'];
  const why = whyNotAt(way, trail, dial, facts);
  const place = end === undefined ? '' : `no packet: ${end.title}`;
  const before = last === undefined ? '' : `seen before: ${last.title}`;
  const rose = [...(watched?.risen ?? [])].map(([name, by]) => `${name} +${by}`);
  const counters = why.isCertain ? '' : [...rose, ...reasonsOf(watched)].join(', ');
  const observed = [
    why.observed ?? '',
    place,
    before,
    counters === '' ? '' : `meanwhile: ${counters}`,
    dial.observation.output,
  ];
  const { cause, hop, title, fix, isCertain, isGeneral = false } = why;
  return {
    isCertain,
    isGeneral,
    finding: { cause, hop, title, fix, observed: observed.filter((text) => text !== '').join('; ') },
  };
}

function whyNotAt(way: WayId, { end, last, lastInGuest }: Trail, dial: Dial, facts: Facts): Why {
  const watched = facts.watches?.[end?.place ?? 'guest'];
  const word = wordAt(end ?? last, isAnswer(end), watched?.words ?? []);
  if (end === undefined) {
    if (word !== undefined && last !== undefined) return toldByKernel(word, last, watched, facts);
    return wrongWayBack(end, watched, facts) ?? answerNotWhole(way, lastInGuest, dial, facts);
  }
  const drop = dropNear(end, last, facts);
  if (drop !== undefined) return dropped(drop.drop, drop.place, end, facts);
  const rewrite = isAnswer(end) ? undefined : watched?.rewrites.find((each) => isOf(each, end, 'dport'));
  if (rewrite !== undefined) return rewritten(rewrite, end, facts);
  if (isOuter(end)) return endedOutside(way, end, watched, facts);
  if (end.id === 'peer-say') return peerSendsElsewhere(watched, facts);
  if (end.id === 'ask' || end.id === 'loop-ask') {
    if (word !== undefined && last !== undefined) return toldByKernel(word, last, watched, facts);
    // Who is connected has heard that the connection was taken.
    if (end.id === 'ask' && dial.result === 'silent') return questionLost(facts);
    return (
      (end.id === 'loop-ask' ? undefined : wrongWayBack(end, watched, facts)) ?? answerLost(way, last, dial, facts)
    );
  }
  if (end.id === 'answer' || end.id === 'loop-answer') return silent(end, streamOf(end, facts), facts, dial);
  const wrong = ['take', 'leave', 'back-in'].includes(end.id)
    ? wrongWayBack(end, facts.watches?.guest, facts)
    : undefined;
  if (wrong !== undefined) return wrong;
  const passed = passedBy(end, watched, facts);
  if (passed !== undefined) return passed;
  if (end.id === 'peer-back' || end.id === 'peer-answer') return answerLost(way, lastInGuest, dial, facts);
  if (last !== undefined && last.place !== 'peer' && last.place !== end.place) return betweenBoth(end, facts);
  if (word !== undefined) return toldByKernel(word, end, watched, facts);
  switch (end.id) {
    case 'arrive':
    case 'dial':
    case 'route-in':
      if (isTunnel(way)) return lostInTunnel(way, last, facts);
      // Who is connected has reached the server of TLS in the guest, which does not ask the service yet.
      if (end.id === 'dial' && end.place === 'guest' && dial.result === 'silent' && servedFor(facts)?.as === 'https') {
        return certificateAwaited(facts);
      }
      return notArrived(end, watched, facts);
    case 'take':
    case 'loop-take':
      return notTaken(end, watched, facts);
    default:
      return inKernel(end, watched, facts);
  }
}

const ANSWERS: readonly Step['id'][] = [
  ...(['leave', 'ask', 'loop-ask', 'answer-leaves', 'back-in', 'back-forward', 'back-out'] as const),
  ...(['peer-back', 'peer-hear', 'peer-answer', 'peer-answer-in', 'outer-leave'] as const),
];

/** Whether it is the answer that is missed, or a packet that goes to the port. */
function isAnswer(end: Step | undefined): boolean {
  return end === undefined || ANSWERS.includes(end.id);
}

/** A drop of a packet of the direction that is missed, where the packet was seen last, or where it is missed. */
function dropNear(
  end: Step,
  last: Step | undefined,
  { watches }: Facts,
): { readonly drop: TracedDrop; readonly place: Place } | undefined {
  const isBack = isAnswer(end) || ['take', 'loop-take', 'outer-answer'].includes(end.id);
  for (const place of new Set([end.place, last?.place ?? end.place])) {
    const drops = watches?.[place]?.drops ?? [];
    const port = place === end.place ? end.port : (last?.port ?? end.port);
    const step = { ...end, port };
    const drop = drops.find((each) => isOf(each, step, isBack ? 'sport' : 'dport'));
    // What is let in and not answered may have been dropped behind all: only the ports of this machine are traced.
    const any = drop ?? (isBack ? drops.find((each) => isOf(each, step, 'dport')) : undefined);
    if (any !== undefined) return { drop: any, place };
  }
  return undefined;
}

function isOf({ chain, packet }: TracedDrop, end: Step, side: 'sport' | 'dport'): boolean {
  // At the interface itself nft tells no addresses. What leaves was traced before.
  if (chain.startsWith('netdev ')) return side === 'sport';
  return (isOuter(end) || packet.includes('"lo"') === isOnLo(end)) && new RegExp(`${side} ${end.port}\\b`).test(packet);
}

/** Behind the hooks of the packet filter, or before them, only the kernel itself knows. What TCP drops of a connection that goes on is no loss. */
function wordAt(step: Step | undefined, isBack: boolean, words: readonly KernelWord[]): KernelWord | undefined {
  const ours = words.filter(
    ({ reason, protocol, from, fromPort, toPort }) =>
      protocol === 'tcp' &&
      // What a socket still held when it was closed.
      reason !== 'QUEUE_PURGE' &&
      (isBack ? fromPort : toPort) === step?.port &&
      /^(127\.|::1$)/.test(from) === (step !== undefined && isOnLo(step)),
  );
  return ours.findLast(({ reason }) => !isBack || !/^(TCP_|SOCKET_|NO_SOCKET|NOT_SPECIFIED)/.test(reason));
}

function isOnLo({ id }: Step): boolean {
  return id.startsWith('loop') || id === 'dial';
}

/** `NEIGH_FAILED x 4`, of all packets that the kernel ended. */
function reasonsOf(watched: Watched | undefined): string[] {
  const counts = new Map<string, number>();
  for (const { reason, protocol } of watched?.words ?? []) {
    const name = `${reason} (${protocol})`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `the kernel ended ${count} packets: ${name}`);
}
