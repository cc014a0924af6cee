import type { Endpoint } from '../../net/endpoint.ts';
import type { HopId } from '../report.ts';
import type { Sighting } from './seen/sighting.ts';

/** Where a watch stood. */
export type Place = 'peer' | 'guest' | 'host' | 'router';

/** One place that a connection passes, in the order of time: the question on its way in, then the answer on its way out. */
export interface Step {
  readonly id: StepId;
  readonly place: Place;
  readonly hop: HopId;
  /** What happens there when all is well. */
  readonly title: string;
  /** The one of the two that is asked. */
  readonly port: number;
  /** The packets of that step, among all that the place saw. */
  readonly isPart: (sighting: Sighting) => boolean;
}

export type StepId =
  | OuterStepId
  | 'peer-say'
  | 'peer-leave'
  | 'peer-back'
  | 'peer-hear'
  | 'peer-answer'
  | 'peer-answer-in'
  | 'arrive'
  | 'deliver'
  | 'forward'
  | 'take'
  | 'leave'
  | 'ask'
  | 'answer'
  | 'answer-leaves'
  | 'dial'
  | 'loop'
  | 'loop-deliver'
  | 'loop-take'
  | 'loop-ask'
  | 'loop-answer'
  | 'route-in'
  | 'route-forward'
  | 'route-out'
  | 'back-in'
  | 'back-forward'
  | 'back-out';

/** Of the datagrams that a tunnel is made of. */
export type OuterStepId = 'outer-say' | 'outer-arrive' | 'outer-deliver' | 'outer-answer' | 'outer-leave';

export interface OuterStep extends Step {
  readonly id: OuterStepId;
}

export function isOuter(step: Step): step is OuterStep {
  return step.id.startsWith('outer-');
}

/** The machine's address in a tunnel, and the UDP port that leads there. */
export interface Tunnel extends Endpoint {
  /** The UDP port that vmkit's own client sent from, as this host sees it; undefined: unknown, so the datagrams of all clients count. */
  readonly sentFrom: number | undefined;
  /** The address of that client in the tunnel; undefined: unknown. */
  readonly client: string | undefined;
}

/** The two ends of a connection, as one machine sees them. */
export interface Ends {
  readonly local: string;
  readonly remote: string;
}
export type IsOurs = (ends: Ends) => boolean;
