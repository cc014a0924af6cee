import type { Dial, Facts } from '../../facts.ts';
import type { WayId } from '../../report.ts';
import type { Step } from '../step.ts';
import { streamOf } from '../stream-of.ts';
import type { Why } from './causes.ts';
import { answerLost } from './lost-causes.ts';

/** Ways on which what the guest's kernel hears comes from the peer itself, and not from somebody who passes it on. */
const END_TO_END: readonly WayId[] = [
  'guest-direct',
  'host-subnet-router',
  'guest-subnet-router',
  'wireguard-direct',
  'nebula',
];

/** An answer left the guest, and the peer did not get a whole one. What was said there, and what came of it, tells which of both it is. */
export function answerNotWhole(way: WayId, last: Step | undefined, dial: Dial, facts: Facts): Why {
  const stream = streamOf(last, facts);
  if (stream === undefined || stream.said === 0) return answerLost(way, last, dial, facts);
  const { said, acknowledged, isEnded } = stream;
  const came = dial.bytes ?? 0;
  const observed = `${said} bytes were said, the other end acknowledged ${acknowledged}, the peer got ${came}`;
  const { target } = facts;
  if (came >= said) {
    const fix = `vmkit logs ${target.machine} ${target.name}`;
    const base = { hop: 'backend', observed, fix, isCertain: true } as const;
    if (dial.result === 'foreign') {
      const title = `${target.name} answers in another protocol than ${target.protocol}`;
      return { ...base, cause: 'backend-foreign', title };
    }
    const how = isEnded ? 'ends its answer before it is whole' : 'begins an answer and does not end it';
    return { ...base, cause: 'backend-cut', title: `${target.name} ${how}: all that it said arrives` };
  }
  if (acknowledged >= said && END_TO_END.includes(way)) {
    return {
      cause: 'answer-kept-at-peer',
      hop: 'peer',
      title: "the peer's kernel has the answer, and the program there did not get it",
      observed,
      fix: 'Does something at the peer filter or read what programs get? nft list ruleset, there',
      isCertain: false,
    };
  }
  const lost = answerLost(way, last, dial, facts);
  return { ...lost, observed: [lost.observed, observed].filter((text) => text !== undefined).join('; ') };
}

/** The peer is connected, and what it asks does not come: it is longer than all that came before. */
export function questionLost({ target }: Facts): Why {
  return {
    cause: 'question-lost',
    hop: 'relay',
    title: 'the connection is taken, and the question itself does not arrive',
    fix: `Large packets may be lost: tailscale ping --size=1312 ${target.machine}, at the peer`,
    isCertain: false,
  };
}
