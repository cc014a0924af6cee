import { type DialEnd, isAnswered } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import type { Dial } from '../facts.ts';
import type { Observation } from '../observation.ts';
import type { Vantage } from '../report.ts';

/** A dial as an observation: `dial 100.64.0.1:80`, and what came of it. */
export function dialObservation(
  vantage: Vantage,
  { address, port }: Endpoint,
  end: DialEnd,
  output: string,
): Observation {
  return { vantage, command: `dial ${address}:${port}`, output, exitCode: isAnswered(end) ? 0 : 1 };
}

/** A dial by a peer, or by a client of vmkit's own, with the time to its first byte. */
export function peerDial(to: Endpoint, end: DialEnd): Dial {
  const { result, firstByteMs, text } = end;
  const took = firstByteMs === undefined ? '' : ` (first byte after ${firstByteMs} ms)`;
  return { result, firstByteMs, observation: dialObservation('peer', to, end, `${text}${took}`) };
}
