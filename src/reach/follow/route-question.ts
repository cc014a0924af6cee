import type { Facts } from '../facts.ts';
import type { Observation } from '../observation.ts';
import type { Sighting } from './seen/sighting.ts';
import type { Routes } from './seen/sightings.ts';

/**
 * Asks for the routes of the first connection to one of these ports that came in by an interface and got no answer, as its packets came: by their addresses and
 * ports, their interface, and the mark that a rule gave them. Undefined: there is none. For `observeScript`.
 */
export function routeQuestions(
  sightings: readonly Sighting[],
  mark: string | undefined,
  ports: readonly number[],
): Record<keyof Routes, string> | undefined {
  const arrived = sightings.filter(
    ({ hook, link, toPort }) => hook === 'arrived' && link !== 'lo' && ports.includes(toPort),
  );
  const lost = arrived.find(({ from, fromPort, link }) => !isTaken(sightings, { from, fromPort, link }));
  if (lost === undefined) return undefined;
  const { from, fromPort, to, toPort, link } = lost;
  const marked = mark === undefined ? '' : ` mark ${mark}`;
  return {
    in: `ip route get ${to} from ${from} iif ${link} ipproto tcp sport ${fromPort} dport ${toPort}${marked}`,
    back: `ip route get ${from} from ${to} ipproto tcp sport ${toPort} dport ${fromPort}${marked}`,
    neighbours: 'ip neigh show nud incomplete nud failed',
    interface: `ip -d link show dev ${link}; tc -s qdisc show dev ${link}; tc -s filter show dev ${link} ingress; nft list ruleset netdev`,
  };
}

/** What the answers to these questions are; nothing where nobody asked. */
export function toRoutes(found: ReadonlyMap<string, Observation> | undefined): Routes {
  const [into, back, neighbours, atLink] = ['in', 'back', 'neighbours', 'interface'].map((id) => found?.get(id));
  return { in: into, back, neighbours, interface: atLink };
}

/** By the same interface. */
function isTaken(
  sightings: readonly Sighting[],
  { from, fromPort, link }: Pick<Sighting, 'from' | 'fromPort' | 'link'>,
): boolean {
  return sightings.some(
    (each) =>
      each.hook === 'left' &&
      each.kind === 'taken' &&
      each.link === link &&
      each.to === from &&
      each.toPort === fromPort,
  );
}

/** Whether the kernel knows no way. It says why: `RTNETLINK answers: Network is unreachable`, `Permission denied` (prohibit), `Invalid argument` (blackhole). */
export function isNoRoute(route: Observation | undefined): boolean {
  return route !== undefined && (route.exitCode !== 0 || /^(unreachable|blackhole|prohibit|throw) /.test(route.output));
}

/** Asks a peer for its own way to the machine's node. Undefined: nobody knows its address. */
export function peerRoute({ guest }: Facts): Record<'in', string> | undefined {
  const [address] = guest?.status?.Self.TailscaleIPs ?? [];
  return address === undefined ? undefined : { in: `ip route get ${address}` };
}
