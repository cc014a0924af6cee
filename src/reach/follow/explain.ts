import type { Dial, Facts } from '../facts.ts';
import { isTunnel } from '../hops.ts';
import type { Finding, WayId } from '../report.ts';
import { answerLost, betweenBoth, dropped, lostInTunnel, notArrived, notTaken, silent, type Why } from './causes.ts';
import { inKernel, toldByKernel, wrongWayBack } from './kernel-causes.ts';
import type { KernelWord } from './kernel-word.ts';
import type { TracedDrop, Watched } from './sightings.ts';
import type { Step } from './steps.ts';
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
export function explainEnd(way: WayId, { end, last }: Trail, dial: Dial, facts: Facts): Explained {
  const watched = facts.watches?.[end?.place ?? 'guest'];
  const why = whyNotAt(end, last, watched, dial, facts, isTunnel(way));
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

function whyNotAt(
  end: Step | undefined,
  last: Step | undefined,
  watched: Watched | undefined,
  dial: Dial,
  facts: Facts,
  isByTunnel: boolean,
): Why {
  const drop = end === undefined ? undefined : dropAt(end, watched?.drops ?? [], facts.target.port);
  if (end !== undefined && drop !== undefined) return dropped(drop, end.place, facts);
  const word = wordAt(end, watched?.words ?? [], facts.target.port);
  if (end === undefined || end.id === 'ask' || end.id === 'loop-ask') {
    if (word !== undefined && last !== undefined) return toldByKernel(word, last, watched, facts);
    return (end?.id === 'loop-ask' ? undefined : wrongWayBack(end, watched, facts)) ?? answerLost(facts, isByTunnel);
  }
  if (end.id === 'answer' || end.id === 'loop-answer') return silent(facts, dial);
  const wrong = ['take', 'back-in'].includes(end.id) ? wrongWayBack(end, facts.watches?.guest, facts) : undefined;
  if (wrong !== undefined) return wrong;
  if (last !== undefined && last.place !== end.place) return betweenBoth(end, facts);
  if (word !== undefined) return toldByKernel(word, end, watched, facts);
  switch (end.id) {
    case 'arrive':
    case 'dial':
    case 'route-in':
      return isByTunnel ? lostInTunnel(facts) : notArrived(end, watched, facts);
    case 'take':
    case 'loop-take':
      return notTaken(end, watched, facts);
    default:
      return inKernel(end, watched, facts);
  }
}

const ANSWERS: readonly Step['id'][] = ['leave', 'answer-leaves', 'back-in', 'back-forward', 'back-out'];

/** Whether it is the answer that is missed, or a packet that goes to the port. */
function isAnswer(end: Step | undefined): boolean {
  return end === undefined || ANSWERS.includes(end.id) || end.id === 'ask' || end.id === 'loop-ask';
}

/** A drop of a packet of the direction that is missed; else any: only the ports of this machine are traced. */
function dropAt(end: Step, drops: readonly TracedDrop[], port: number): TracedDrop | undefined {
  const isBack = isAnswer(end) || end.id === 'take' || end.id === 'loop-take';
  const onLo = isOnLo(end);
  const ours = drops.filter(({ packet }) => packet.includes('"lo"') === onLo);
  return (
    ours.find(({ packet }) => packet.includes(`${isBack ? 'sport' : 'dport'} ${port}`)) ??
    (isBack ? ours[0] : undefined)
  );
}

/** Behind the hooks of the packet filter, or before them, only the kernel itself knows. What TCP drops of a connection that goes on is no loss. */
function wordAt(end: Step | undefined, words: readonly KernelWord[], port: number): KernelWord | undefined {
  const isBack = isAnswer(end);
  const ours = words.filter(
    ({ protocol, from, fromPort, toPort }) =>
      protocol === 'tcp' &&
      (isBack ? fromPort : toPort) === port &&
      from.startsWith('127.') === (end !== undefined && isOnLo(end)),
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
