import type { Facts } from '../../facts.ts';
import type { HopId } from '../../report.ts';
import type { Place, Step } from '../step.ts';

const HOPS: Readonly<Record<Place, HopId>> = {
  peer: 'peer',
  guest: 'guest',
  host: 'host',
  router: 'router',
};

export function hopOf(end: Step): HopId {
  return end.id.startsWith('loop') ? end.hop : HOPS[end.place];
}

export function inPlace(place: Place, { target, router }: Facts, script: string): string {
  const machine = place === 'guest' ? target.machine : place === 'router' ? router?.machine : undefined;
  return machine === undefined ? script : `vmkit exec ${machine} -- sh -c '${script}'`;
}
