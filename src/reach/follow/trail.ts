import type { Facts } from '../facts.ts';
import type { TrailStep, WayId } from '../report.ts';
import type { Sighting } from './sightings.ts';
import { type Step, stepsOf, type Watches } from './steps.ts';

/** A connection's own way, and where it ended. */
export interface Trail {
  readonly steps: readonly TrailStep[];
  /** The first step that did not see what the one before sent; undefined: all that were watched saw it. */
  readonly end: Step | undefined;
  /** The last step that saw it. */
  readonly last: Step | undefined;
}

/**
 * Follows a connection from what each place saw. A step that saw nothing though a later one did was missed, not broken: the end is behind the last that saw it.
 * Undefined: nothing of this way was watched.
 */
export function followTrail(way: WayId, { target, watches, peer, wireguard, nebula }: Facts): Trail | undefined {
  const tunnels = {
    wireguardAddress: wireguard?.tunnel.address,
    nebulaAddress: nebula?.node.address.split('/')[0],
  };
  const steps = stepsOf(way, { ...target, ...tunnels, peer: peer?.address });
  const seen = steps.map((step) => sightingsOf(step, watches ?? {}));
  if (seen.every((each) => each === undefined)) return undefined;
  const lastAt = seen.findLastIndex((each) => each !== undefined && each.length > 0);
  const endAt = seen.findIndex((each, at) => at > lastAt && each !== undefined);
  return {
    steps: steps.map((step, at) => ({
      hop: step.hop,
      place: step.place,
      title: step.title,
      state: stateOf(seen[at], at, lastAt, endAt),
      seen: (seen[at] ?? []).map(textOf).join('; '),
    })),
    end: endAt < 0 ? undefined : steps[endAt],
    last: steps[lastAt],
  };
}

function stateOf(seen: readonly Sighting[] | undefined, at: number, lastAt: number, endAt: number): TrailStep['state'] {
  if (seen !== undefined && seen.length > 0) return 'seen';
  if (at === endAt) return 'missing';
  return at < lastAt ? 'passed' : 'unknown';
}

function sightingsOf({ place, isPart }: Step, watches: Watches): Sighting[] | undefined {
  return watches[place]?.sightings.filter(isPart);
}

function textOf({ packets, link, from, fromPort, to, toPort }: Sighting): string {
  return `${packets} packet${packets === 1 ? '' : 's'} on ${link}, ${from}:${fromPort} to ${to}:${toPort}`;
}
