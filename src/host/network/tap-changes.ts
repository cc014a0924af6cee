import { isUdpForward } from './udp-forward.ts';

/**
 * Which of the changes in a journal make a machine's interface on this host: its TAP or macvtap, the rules for it, and what it may reach. The interface has the
 * machine's name. Rules of two machines are named by both, so `nft:a-b` is the machine a-b's only if there is such an interface.
 */
export function changesOfTap(machine: string, ids: readonly string[]): readonly string[] {
  if (!ids.includes(`link:${machine}`)) return [];
  const pairs = tapsIn(ids)
    .filter((other) => other !== machine)
    .map((other) => pairId(machine, other));
  const own = [`link:${machine}`, `nft:${machine}`, `port:${machine}`, ...pairs];
  return ids.filter((id) => own.includes(id));
}

/** Names what lets two machines on the bridge exchange frames. */
export function pairId(one: string, other: string): string {
  return `nft:${[one, other].sort().join('-')}`;
}

/** What makes a host's network for machines; what leads in from a tailnet or a tunnel is no part of it. */
const NETWORK = /^(link|nft|port|forwarding6?|ufw|firewalld|ip6?tables):/;

/** Which of the changes in a journal a machine's network on this host stands on: its own, and those for all machines. None where it has no interface there. */
export function changesForMachine(machine: string, ids: readonly string[]): readonly string[] {
  const own = changesOfTap(machine, ids);
  if (own.length === 0) return [];
  const others = tapsIn(ids)
    .filter((tap) => tap !== machine)
    .flatMap((tap) => changesOfTap(tap, ids));
  return ids.filter((id) => own.includes(id) || (NETWORK.test(id) && !isUdpForward(id) && !others.includes(id)));
}

/** TAPs that are ports of the bridge. */
function tapsIn(ids: readonly string[]): readonly string[] {
  return ids.filter((id) => id.startsWith('port:')).map((id) => id.slice('port:'.length));
}
