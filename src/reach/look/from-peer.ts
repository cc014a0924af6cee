import { isIpv6 } from '../../core/addresses/ipv6.ts';
import { parseJson } from '../../core/text/json.ts';
import { type DialRequest, isAnswered } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { questionTo } from '../../net/question.ts';
import type { ServicePort } from '../../spec/service.ts';
import type { Peer } from '../../tailnet/peer/peer.ts';
import {
  plannedFor,
  type Served,
  servedTo,
  type TailscaleStatus,
  tailscalePrefs,
  tailscaleStatus,
  withoutDot,
} from '../../tailnet/tailscale-json.ts';
import { isApproved, routesTo } from '../checks/subnet.ts';
import type { Dial, Facts, NodeFacts, PeerFacts, RoutedFacts, Target } from '../facts.ts';
import type { Via } from '../vias.ts';
import { peerDial } from './dial-observation.ts';
import { dialFollowed, type Watcher } from './followed-dial.ts';
import type { GuestFacts } from './guest-facts.ts';
import { type InGuest, knownTo, LARGEST, observe, pingBack, pingFrom, pongs } from './peer-tailscale.ts';
import { tryRedirect } from './redirect.ts';

/** For a whole answer. */
const DIAL_MS = 8_000;
/** Where nothing comes back from the node at all, that will not become better. */
const DIAL_UNHEARD_MS = 4_000;
/** The other family of addresses is asked first, and is followed nowhere. */
const OTHER_MS = 4_000;
/** A path is found in a second or two where there is one. */
const DIRECT_PINGS = 5;

/** What else is known when a peer looks. */
interface Around extends Pick<Facts, 'target' | 'node'> {
  readonly guest: GuestFacts | undefined;
  readonly proxy: NodeFacts | undefined;
  readonly router: NodeFacts | undefined;
  /** Runs a script in the guest meanwhile; throws where it cannot. */
  readonly inGuest: InGuest;
  readonly watcher: Watcher;
  /** Of the time for all, of at most so much. */
  readonly left: (atMostMs: number) => number;
}

/** Pings the guest and dials its ports, and those that lead there, from a peer; all of these ways at the same time. */
export async function lookFromPeer(peer: Peer, around: Around, dials: readonly Via[]): Promise<PeerFacts> {
  const { target, proxy, router, watcher, left } = around;
  const status = await observe(peer, ['status', '--json']);
  const seen = parseJson(status.output, tailscaleStatus);
  const own = seen?.Self.TailscaleIPs ?? [];
  const [address] = own;
  const from = { peer, own, watcher, left };
  const [direct, proxyDial, routed] = await Promise.all([
    dials.includes('guest') ? lookAtNode(from, around, seen) : undefined,
    peer.isThisHost || !dials.includes('proxy') ? undefined : dialProxy(from, proxy, target),
    peer.isThisHost || !dials.includes('subnet') ? undefined : lookAtRoute(from, proxy, router, target),
  ]);
  const dialled = direct?.node ?? address;
  return { title: peer.title, ...NOT_ASKED, ...direct, address: ofFamily(own, dialled), proxyDial, routed };
}

/** Who dials, and what is watched meanwhile. */
interface From {
  readonly peer: Peer;
  /** Its own addresses in the tailnet. */
  readonly own: readonly string[];
  readonly watcher: Watcher;
  readonly left: (atMostMs: number) => number;
}

type SeenNode = Omit<PeerFacts, 'title' | 'address' | 'proxyDial' | 'routed'>;

const NOT_ASKED: SeenNode = {
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

async function lookAtNode(
  from: From,
  { guest, node, target, inGuest }: Around,
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
  const ping = await pingFrom(peer, address, ['--c=2', '--timeout=2s', '--until-direct=false']);
  const withinMs = pongs(ping) ? DIAL_MS : DIAL_UNHEARD_MS;
  const dialOther = async (node: string, port: number): Promise<readonly [number, Dial]> => {
    const to = { address: node, port };
    const end = await peer.dial(to, requestFor(port, served, status, target.protocol), from.left(OTHER_MS));
    return [port, peerDial(to, end)];
  };
  const other = (status.Self.TailscaleIPs ?? []).find((each) => isIpv6(each) !== isIpv6(address));
  // Before the others: what is watched later must not see these packets.
  const others =
    other === undefined || !pongs(ping) || ofFamily(from.own, other) === undefined
      ? undefined
      : await Promise.all(ports.map((port) => dialOther(other, port)));
  const dialOf = async (port: number): Promise<readonly [number, Dial]> => [
    port,
    await dialFrom(from, { address, port }, requestFor(port, served, status, target.protocol), withinMs),
  ];
  // Awaited together: where one is interrupted, the other is not left to fail unheard.
  const [largePing, largePingBack, directPing, dials] = await Promise.all([
    pongs(ping)
      ? pingFrom(peer, address, ['--c=2', '--timeout=2s', '--until-direct=false', `--size=${LARGEST}`])
      : undefined,
    pongs(ping) ? pingBack(ofFamily(from.own, address), inGuest) : undefined,
    pongs(ping) ? pingFrom(peer, address, [`--c=${DIRECT_PINGS}`, '--timeout=1s']) : undefined,
    Promise.all(ports.map(dialOf)),
  ]);
  const otherFamily = other === undefined || others === undefined ? undefined : { node: other, dials: new Map(others) };
  const looked = { ...known, node: address, largePing, largePingBack, dials: new Map(dials), otherFamily };
  if (directPing !== undefined || !dials.some(([, { result }]) => result === 'data')) {
    return { ...looked, ping, directPing };
  }
  // What was dialled made them find a path: the first ping came too early for it.
  const later = await pingFrom(peer, address, [`--c=${DIRECT_PINGS}`, '--timeout=1s']);
  return { ...looked, ping: pongs(later) ? later : ping, directPing: later };
}

/** The one of the same family as another address. */
function ofFamily(addresses: readonly string[], as: string | undefined): string | undefined {
  return as === undefined ? undefined : addresses.find((each) => isIpv6(each) === isIpv6(as));
}

async function dialProxy(from: From, proxy: NodeFacts | undefined, target: Target): Promise<Dial | undefined> {
  const entries = servedTo(proxy?.serve, target.hostPort);
  const [entry] = entries;
  const address = proxy?.status?.Self.TailscaleIPs?.[0];
  if (entry === undefined || address === undefined) return undefined;
  const request = requestFor(entry.port, entries, proxy?.status, target.protocol);
  return dialFrom(from, { address, port: entry.port }, request, DIAL_MS);
}

/** By the route that the peer takes. Where it takes none, a dial would go another way: a peer on this host would reach the bridge itself. */
async function lookAtRoute(
  from: From,
  proxy: NodeFacts | undefined,
  router: NodeFacts | undefined,
  target: Target,
): Promise<RoutedFacts | undefined> {
  const { peer } = from;
  const { bridgeAddress: address, port, protocol } = target;
  if (address === undefined || ![proxy, router].some((node) => isApproved(node, target))) return undefined;
  const [prefs, nodes] = await Promise.all([observe(peer, ['debug', 'prefs']), observe(peer, ['status', '--json'])]);
  const acceptsRoutes = parseJson(prefs.output, tailscalePrefs)?.RouteAll === true;
  const via = routerOf(parseJson(nodes.output, tailscaleStatus), target);
  const mayDial = acceptsRoutes && via !== undefined;
  const request = { ...questionTo(protocol, address), tlsName: undefined };
  const dial = mayDial ? await dialFrom(from, { address, port }, request, DIAL_MS) : undefined;
  return { prefs, nodes, acceptsRoutes, via, dial };
}

/** The tailnet address of the node whose route to the machine is the narrowest. */
function routerOf(status: TailscaleStatus | undefined, target: Target): string | undefined {
  const found = Object.values(status?.Peer ?? {}).flatMap(({ TailscaleIPs, AllowedIPs }) => {
    const [route] = routesTo(AllowedIPs, target);
    const [address] = TailscaleIPs ?? [];
    return route === undefined || address === undefined ? [] : [{ address, bits: Number(route.split('/')[1]) }];
  });
  return found.sort((one, other) => other.bits - one.bits)[0]?.address;
}

/** A node that the peer knows by its name, as far as it tells of itself. */
function nodeNamed(seen: TailscaleStatus | undefined, hostname: string): TailscaleStatus | undefined {
  const found = Object.values(seen?.Peer ?? {}).find(({ HostName }) => HostName === hostname);
  if (seen === undefined || found === undefined) return undefined;
  return { ...seen, Self: { ...seen.Self, DNSName: found.DNSName, TailscaleIPs: found.TailscaleIPs } };
}

/** What makes a server speak first. Web handlers of serve are found by the node's name. */
function requestFor(
  port: number,
  served: readonly Served[],
  status: TailscaleStatus | undefined,
  protocol: ServicePort['protocol'],
): DialRequest {
  const name = withoutDot(status?.Self.DNSName ?? '');
  const entry = served.find((each) => each.port === port);
  const isTls = entry?.as === 'https';
  return { ...questionTo(protocol, name, entry?.path), tlsName: isTls ? name : undefined };
}

async function dialFrom(
  { peer, watcher, left }: From,
  to: Endpoint,
  request: DialRequest,
  withinMs: number,
): Promise<Dial> {
  const dialOnce = async (within: number): Promise<Dial> => {
    const end = await peer.dial(to, request, within);
    return { ...peerDial(to, end), redirect: await tryRedirect(peer, to, end.location) };
  };
  return dialFollowed(dialOnce, isAnswered, left(withinMs), watcher);
}
