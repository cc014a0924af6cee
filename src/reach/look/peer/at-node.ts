import { setTimeout as sleep } from 'node:timers/promises';
import { isIpv6 } from '../../../core/addresses/ipv6.ts';
import { isAnswered } from '../../../net/dial.ts';
import { FULL_PACKET } from '../../../net/question.ts';
import { plannedFor, servedTo, type TailscaleStatus } from '../../../tailnet/tailscale-json.ts';
import type { Dial, Facts, PeerFacts } from '../../facts.ts';
import type { Observation } from '../../observation.ts';
import type { GuestFacts } from '../guest/guest-facts.ts';
import { type Asked, askSlowAgain, DIAL_MS, dialFrom, type From, ofFamily, requestFor } from './dial-from.ts';
import { beginIfSlow, type Watcher } from './followed-dial.ts';
import { dialOther, followOther, isOneSilent } from './other-family.ts';
import { type InGuest, knownTo, LARGEST, pingBack, pingFrom, pongs } from './peer-tailscale.ts';

/** Where nothing comes back from the node at all by then, it is dialled all the same: that will not become better. */
const UNHEARD_MS = 2_000;
const DIAL_UNHEARD_MS = 5_000;
/** Where no answer comes by then, what is dialled will have to be watched. */
const PONG_MS = 1_500;
const PING_BACK_MS = 6_000;
/** A path is found in a second or two where there is one. */
const DIRECT_PINGS = 5;

export type SeenNode = Omit<PeerFacts, 'title' | 'address' | 'proxyDial' | 'routed'>;

export const NOT_ASKED: SeenNode = {
  node: undefined,
  status: undefined,
  knowsNode: undefined,
  resolvesNames: undefined,
  ping: undefined,
  largePing: undefined,
  directPing: undefined,
  largePingBack: undefined,
  dials: new Map(),
  otherFamily: undefined,
};

/** What else is known of the machine. */
export interface AroundNode extends Pick<Facts, 'target' | 'node'> {
  readonly guest: GuestFacts | undefined;
  /** Runs a script in the guest meanwhile; throws where it cannot. */
  readonly inGuest: InGuest;
}

/** The machine's own node: is it known, does it answer pings, and what do its ports answer. */
export async function lookAtNode(
  from: From,
  { guest, node, target, inGuest }: AroundNode,
  seen: TailscaleStatus | undefined,
): Promise<SeenNode | undefined> {
  const { peer } = from;
  // Of a guest that says nothing the peer knows the address.
  const status = guest?.status ?? nodeNamed(seen, node?.hostname ?? target.machine);
  const address = status?.Self.TailscaleIPs?.[0];
  if (node === undefined && guest?.status === undefined) return undefined;
  if (address === undefined || status?.BackendState !== 'Running') return undefined;
  const known = await knownTo(peer, address);
  if (known.knowsNode === false) return { ...NOT_ASKED, ...known };
  const served = guest?.serve === undefined ? plannedFor(node, target.port) : servedTo(guest.serve, target.port);
  const ports = [...new Set([target.port, ...served.map(({ port }) => port)])];
  // The first packet finds the path; dials beside it would wait for the same.
  const pinged = pingFrom(peer, address, ['--c=2', '--timeout=2s', '--until-direct=false']);
  const pinging = beginIfSlow(pinged, PONG_MS, from.watcher);
  const soon = await Promise.race([pinging, sleep(UNHEARD_MS)]);
  const isHeard = soon !== undefined && pongs(soon);
  const withinMs = isHeard ? DIAL_MS : DIAL_UNHEARD_MS;
  const requests = ports.map((port) => [port, requestFor(port, served, status, target.protocol)] as const);
  const other = (status.Self.TailscaleIPs ?? []).find((each) => isIpv6(each) !== isIpv6(address));
  const otherFamily = other !== undefined && isHeard ? dialOther(from, other, requests) : undefined;
  // What is dialled while all is watched must not be mixed with these packets.
  const watcher: Watcher = {
    ...from.watcher,
    ready: async () => void (await Promise.all([from.watcher.ready(), otherFamily])),
    isReady: () => otherFamily === undefined && from.watcher.isReady(),
  };
  const dialOf = async ([port, request]: Asked): Promise<readonly [number, Dial]> => [
    port,
    await dialFrom({ ...from, watcher }, { address, port }, request, withinMs),
  ];
  const direct = (): Promise<Observation> => pingFrom(peer, address, [`--c=${DIRECT_PINGS}`, '--timeout=1s']);
  const dialAll = async (): Promise<Pick<SeenNode, 'dials' | 'otherFamily' | 'largePingBack' | 'directPing'>> => {
    const [dialled, byOther] = await Promise.all([Promise.all(requests.map(dialOf)), otherFamily]);
    const first = new Map(dialled);
    const isAny = [...first.values()].some(isAnswered);
    const [dials, largePingBack, directPing] = await Promise.all([
      askSlowAgain(from, address, requests, first),
      isSmall(first) ? pingBack(ofFamily(from.own, address), inGuest, from.spare(PING_BACK_MS)) : undefined,
      // What was dialled made them find a path: the first ping came too early for it.
      isAny && !isHeard ? direct() : undefined,
    ]);
    return { dials, otherFamily: byOther, largePingBack, directPing };
  };
  // Awaited together: where one is interrupted, the other is not left to fail unheard.
  const [ping, largePing, directPing, dialled] = await Promise.all([
    pinging,
    isHeard
      ? pingFrom(peer, address, ['--c=2', '--timeout=2s', '--until-direct=false', `--size=${LARGEST}`])
      : undefined,
    isHeard ? direct() : undefined,
    dialAll(),
  ]);
  const later = dialled.directPing;
  const again = isOneSilent(dialled) && other !== undefined ? await followOther(from, other, requests) : undefined;
  return {
    ...{ ...known, node: address, largePing, ...dialled },
    ping: later !== undefined && pongs(later) ? later : ping,
    directPing: directPing ?? later,
    otherFamily: again ?? dialled.otherFamily,
  };
}

/** An answer that fits in one packet says nothing of large ones on the way back. The guest is asked after the dials: its own program takes it seconds without KVM. */
function isSmall(dials: ReadonlyMap<number, Dial>): boolean {
  return [...dials.values()].some((dial) => isAnswered(dial) && (dial.bytes ?? 0) < FULL_PACKET);
}

/** A node that the peer knows by its name, as far as it tells of itself. */
function nodeNamed(seen: TailscaleStatus | undefined, hostname: string): TailscaleStatus | undefined {
  const found = Object.values(seen?.Peer ?? {}).find(({ HostName }) => HostName === hostname);
  if (seen === undefined || found === undefined) return undefined;
  return { ...seen, Self: { ...seen.Self, DNSName: found.DNSName, TailscaleIPs: found.TailscaleIPs } };
}
