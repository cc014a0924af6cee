import { type DialEnd, isAnswered } from '../../../net/dial.ts';
import { type Endpoint, endpointText } from '../../../net/endpoint.ts';
import { FULL_PACKET } from '../../../net/question.ts';
import type { Dial } from '../../facts.ts';
import type { Observation } from '../../observation.ts';
import type { Vantage } from '../../report.ts';

/** A dial as an observation: `dial 100.64.0.1:80`, and what came of it. */
export function dialObservation(vantage: Vantage, to: Endpoint, end: DialEnd): Observation {
  const command = `dial ${endpointText(to)}`;
  return { vantage, command, output: `${end.text}${measuresOf(end)}`, exitCode: isAnswered(end) ? 0 : 1 };
}

/** A dial by a peer, or by a client of vmkit's own, with its times. */
export function peerDial(to: Endpoint, end: DialEnd): Dial {
  const { text: _, ...rest } = end;
  return { ...rest, observation: dialObservation('peer', to, end) };
}

/** What was measured: a small answer says nothing of large packets. */
function measuresOf({ firstByteMs, wholeMs, bytes = 0 }: DialEnd): string {
  if (firstByteMs === undefined) return '';
  const whole = wholeMs === undefined ? '' : `, all ${bytes} bytes after ${wholeMs} ms`;
  const small = bytes < FULL_PACKET ? '; no packet of full size came back' : '';
  return ` (first byte after ${firstByteMs} ms${whole}${small})`;
}
