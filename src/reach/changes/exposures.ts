import { udpForwardId } from '../../host/network/udp-forward.ts';
import { portChangeId } from './port-change.ts';
import { proxyChangeId } from './proxy-change.ts';
import { routeChangeIds } from './route-change.ts';

/** Whether a change to this host was made by `vmkit expose` for this machine, whichever port or service it is of. */
export function isExposureOf(machine: string, id: string): boolean {
  const prefixes = [proxyChangeId(machine, ''), portChangeId(machine, ''), udpForwardId(machine, '')];
  return routeChangeIds(machine).includes(id) || prefixes.some((prefix) => id.startsWith(prefix));
}
