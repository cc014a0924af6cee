import { TO_NODE } from '../degraded.ts';
import type { Dial, Facts } from '../facts.ts';
import type { TrailStep, WayId } from '../report.ts';
import type { Trail } from './trail.ts';

/** The connection's whole way as a person reads it: from the peer's question, by what each place saw of it, to the answer at the peer. */
export function journeyOf(way: WayId, dial: Dial, facts: Facts, trail: Trail | undefined): TrailStep[] {
  const { observation, result } = dial;
  const sent: TrailStep = {
    ...{ hop: 'peer', place: 'peer', title: 'the peer asks', state: 'seen' },
    seen: observation.command,
  };
  const isWhole = result === 'data';
  const isEnd = !isWhole && trail !== undefined && trail.end === undefined;
  const back: TrailStep = {
    ...{ hop: 'peer', place: 'peer', title: 'the whole answer arrives at the peer' },
    state: isWhole ? 'seen' : isEnd ? 'missing' : 'unknown',
    seen: observation.output,
  };
  return [sent, ...(TO_NODE.includes(way) ? pinged(facts) : []), ...(trail?.steps ?? askedInGuest(facts)), back];
}

function pinged({ peer }: Facts): TrailStep[] {
  const ping = peer?.directPing ?? peer?.ping;
  if (ping === undefined) return [];
  const pong = ping.output.split('\n').findLast((line) => line.startsWith('pong from '));
  const base = { hop: 'relay', place: 'peer', title: 'packets of both nodes reach each other' } as const;
  return [{ ...base, state: pong === undefined ? 'missing' : 'seen', seen: pong ?? 'no pong' }];
}

/** Where nothing had to be followed. */
function askedInGuest({ asked }: Facts): TrailStep[] {
  if (asked === undefined) return [];
  const base = {
    hop: 'backend',
    place: 'guest',
    title: 'the service answers the same question inside the guest',
  } as const;
  return [
    {
      ...base,
      state: asked.result === 'data' || asked.result === 'coming' ? 'seen' : 'unknown',
      seen: asked.observation.output,
    },
  ];
}
