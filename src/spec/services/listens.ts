import { procPort } from '../../core/addresses/proc-net.ts';

/** For `first` of a service's readiness (init/supervise.ts, library): something listens on this TCP port. */
export function listens(port: number): string {
  return `listens ${procPort(port)}`;
}
