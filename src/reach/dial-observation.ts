import { type DialEnd, isAnswered } from '../host/dial.ts';
import type { Observation } from './observation.ts';
import type { Vantage } from './report.ts';

/** A dial as an observation: `dial 100.64.0.1:80`, and what came of it. */
export function dialObservation(
  vantage: Vantage,
  { address, port }: { readonly address: string; readonly port: number },
  end: DialEnd,
  output: string,
): Observation {
  return { vantage, command: `dial ${address}:${port}`, output, exitCode: isAnswered(end) ? 0 : 1 };
}
