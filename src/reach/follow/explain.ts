import type { Dial, Facts } from '../facts.ts';
import type { Finding } from '../report.ts';
import { answerLost, betweenBoth, dropped, inKernel, notArrived, notTaken, silent, type Why } from './causes.ts';
import type { TracedDrop, Watched } from './sightings.ts';
import type { Step } from './steps.ts';
import type { Trail } from './trail.ts';

/** Why a connection ended where it did. */
export interface Explained {
  readonly finding: Finding;
  /** Its own packets, or a counter of just that, tell so; else it is what is left. */
  readonly isCertain: boolean;
}

/** Says why a connection that a peer got no answer on ended where its trail ends. Pure. */
export function explainEnd({ end, last }: Trail, dial: Dial, facts: Facts): Explained {
  const watched = facts.watches?.[end?.place ?? 'guest'];
  const why = end === undefined ? answerLost(facts) : whyNotAt(end, last, watched, facts);
  const place = end === undefined ? '' : `no packet: ${end.title}`;
  const before = last === undefined ? '' : `seen before: ${last.title}`;
  const rose = [...(watched?.risen ?? [])].map(([name, by]) => `${name} +${by}`).join(', ');
  const counters = why.isCertain || rose === '' ? '' : `rose meanwhile: ${rose}`;
  const observed = [why.observed ?? '', place, before, counters, dial.observation.output];
  const { cause, hop, title, fix, isCertain } = why;
  return {
    isCertain,
    finding: { cause, hop, title, fix, observed: observed.filter((text) => text !== '').join('; ') },
  };
}

function whyNotAt(end: Step, last: Step | undefined, watched: Watched | undefined, facts: Facts): Why {
  const drop = watched === undefined ? undefined : dropAt(end, watched.drops, facts.target.port);
  if (drop !== undefined) return dropped(drop, end.place, facts);
  if (last !== undefined && last.place !== end.place) return betweenBoth(end, facts);
  switch (end.id) {
    case 'arrive':
    case 'dial':
    case 'route-in':
      return notArrived(end, watched, facts);
    case 'take':
    case 'loop-take':
      return notTaken(end, watched, facts);
    case 'answer':
    case 'loop-answer':
      return silent(facts);
    case 'ask':
    case 'loop-ask':
      return answerLost(facts);
    default:
      return inKernel(end, watched, facts);
  }
}

/** A drop of a packet of the direction that is missed; else any: only the ports of this machine are traced. */
function dropAt({ id }: Step, drops: readonly TracedDrop[], port: number): TracedDrop | undefined {
  const isAnswer = ['leave', 'answer-leaves', 'back-in', 'back-forward', 'back-out', 'take', 'loop-take'].includes(id);
  const mark = `${isAnswer ? 'sport' : 'dport'} ${port}`;
  const onLo = id.startsWith('loop') || id === 'dial';
  const ours = drops.filter(({ packet }) => packet.includes('"lo"') === onLo);
  return ours.find(({ packet }) => packet.includes(mark)) ?? (isAnswer ? ours[0] : undefined);
}
