import type { Facts } from '../facts.ts';
import { HOOKS, type Sighting } from './seen/sighting.ts';
import type { Stream } from './seen/streams.ts';
import type { Step } from './step.ts';

const KINDS = ['any', 'taken', 'data'] as const;

/** Of the connections that the last step in the guest saw, the one that said most. */
export function streamOf(last: Step | undefined, { watches }: Facts): Stream | undefined {
  if (last === undefined) return undefined;
  // On loopback both ends are this machine's.
  const isOurs = (stream: Stream): boolean => stream.fromPort === last.port && isPartOf(last, stream);
  return (watches?.[last.place]?.streams ?? []).filter(isOurs).toSorted((one, other) => other.said - one.said)[0];
}

/** Whether packets between these ends are of the step's connection. */
export function isPartOf(step: Step, ends: Pick<Sighting, 'link' | 'from' | 'fromPort' | 'to' | 'toPort'>): boolean {
  const { link, from, fromPort, to, toPort } = ends;
  const back = { link, from: to, fromPort: toPort, to: from, toPort: fromPort };
  return [{ link, from, fromPort, to, toPort }, back].some((each) =>
    HOOKS.some((hook) => KINDS.some((kind) => step.isPart({ ...each, hook, kind, packets: 1 }))),
  );
}
