import { setTimeout as sleep } from 'node:timers/promises';
import { VmkitError } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import type { DialRequest } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { questionTo } from '../../net/question.ts';
import { GUEST_PATH } from '../../spec/guest-path.ts';
import type { ServeEntry, ServicePort } from '../../spec/service.ts';
import type { Peer } from '../../tailnet/peer/peer.ts';
import { servedTo, type TailscaleStatus, tailscalePrefs, tailscaleStatus } from '../../tailnet/tailscale-json.ts';
import { isApproved, routesTo } from '../checks/subnet.ts';
import type { Dial, NodeFacts, PeerFacts, RoutedFacts, Target } from '../facts.ts';
import type { Observation } from '../observation.ts';
import type { Via } from '../vias.ts';
import { peerDial } from './dial-observation.ts';
import { dialFollowed, type Watcher } from './followed-dial.ts';
import type { GuestFacts } from './guest-facts.ts';
import { tryRedirect } from './redirect.ts';

/** For a whole answer. */
const DIAL_MS = 8_000;
/** Where nothing comes back from the node at all, that will not become better. */
const DIAL_UNHEARD_MS = 4_000;
/** The largest message of a tunnel whose MTU is 1280: 16 bytes of WireGuard's header before it, 16 of its tag behind. */
export const LARGEST = 1312;
/** A path is found in a second or two where there is one. */
const DIRECT_PINGS = 5;

/** What else is known when a peer looks. */
interface Around {
  readonly guest: GuestFacts | undefined;
  readonly proxy: NodeFacts | undefined;
  readonly router: NodeFacts | undefined;
  /** Runs a script in the guest meanwhile; undefined where only its console answers. */
  readonly inGuest: InGuest | undefined;
  readonly watcher: Watcher | undefined;
}

export type InGuest = (script: string, withinMs: number) => Promise<string>;

/** Pings the guest and dials its ports, and those that lead there, from a peer; all of these ways at the same time. */
export async function lookFromPeer(
  peer: Peer,
  { guest, proxy, router, inGuest, watcher }: Around,
  target: Target,
  dials: readonly Via[],
): Promise<PeerFacts> {
  const status = await observe(peer, ['status', '--json']);
  const [address] = parseJson(status.output, tailscaleStatus)?.Self.TailscaleIPs ?? [];
  const from = { peer, address, watcher };
  const [direct, proxyDial, routed] = await Promise.all([
    guest === undefined || !dials.includes('guest') ? undefined : lookAtNode(from, guest, target, inGuest),
    peer.isThisHost || !dials.includes('proxy') ? undefined : dialProxy(from, proxy, target),
    peer.isThisHost || !dials.includes('subnet') ? undefined : lookAtRoute(from, proxy, router, target),
  ]);
  return { title: peer.title, address, ...NOT_ASKED, ...direct, proxyDial, routed };
}

/** Who dials, and what is watched meanwhile. */
interface From {
  readonly peer: Peer;
  /** Its own, in the tailnet. */
  readonly address: string | undefined;
  readonly watcher: Watcher | undefined;
}

type SeenNode = Omit<PeerFacts, 'title' | 'address' | 'proxyDial' | 'routed'>;

const NOT_ASKED: SeenNode = {
  status: undefined,
  knowsNode: undefined,
  resolvesNames: undefined,
  ping: undefined,
  largePing: undefined,
  directPing: undefined,
  largePingBack: undefined,
  dials: new Map(),
};

async function lookAtNode(
  from: From,
  { status, serve }: GuestFacts,
  target: Target,
  inGuest: InGuest | undefined,
): Promise<SeenNode | undefined> {
  const { peer } = from;
  const address = status?.Self.TailscaleIPs?.[0];
  if (address === undefined || status?.BackendState !== 'Running') return undefined;
  const known = await knownTo(peer, address);
  if (known.knowsNode === false) return { ...NOT_ASKED, ...known };
  const served = servedTo(serve, target.port);
  const ports = [...new Set([target.port, ...served.map(({ port }) => port)])];
  // The first packet finds the path; dials beside it would wait for the same.
  const ping = await pingFrom(peer, address, ['--c=2', '--timeout=2s', '--until-direct=false']);
  const withinMs = pongs(ping) ? DIAL_MS : DIAL_UNHEARD_MS;
  const dialOf = async (port: number): Promise<readonly [number, Dial]> => [
    port,
    await dialFrom(from, { address, port }, requestFor(port, served, status, target.protocol), withinMs),
  ];
  // Awaited together: where one is interrupted, the other is not left to fail unheard.
  const [largePing, largePingBack, directPing, dials] = await Promise.all([
    pongs(ping)
      ? pingFrom(peer, address, ['--c=2', '--timeout=2s', '--until-direct=false', `--size=${LARGEST}`])
      : undefined,
    pongs(ping) ? pingBack(from.address, inGuest) : undefined,
    pongs(ping) ? pingFrom(peer, address, [`--c=${DIRECT_PINGS}`, '--timeout=1s']) : undefined,
    Promise.all(ports.map(dialOf)),
  ]);
  return { ...known, ping, largePing, largePingBack, directPing, dials: new Map(dials) };
}

/** What the peer's Tailscale says of the node. One that has just joined may hear of others a moment later. */
async function knownTo(
  peer: Peer,
  address: string,
): Promise<Pick<PeerFacts, 'status' | 'knowsNode' | 'resolvesNames'>> {
  let status = await observe(peer, ['status', '--json']);
  let seen = parseJson(status.output, tailscaleStatus);
  for (let tried = 0; tried < 4 && seen !== undefined && !knows(seen, address); tried++) {
    await sleep(250);
    status = await observe(peer, ['status', '--json']);
    seen = parseJson(status.output, tailscaleStatus);
  }
  if (seen === undefined) return { status, knowsNode: undefined, resolvesNames: undefined };
  return { status, knowsNode: knows(seen, address), resolvesNames: seen.CurrentTailnet?.MagicDNSEnabled };
}

function knows({ Self, Peer }: TailscaleStatus, address: string): boolean {
  const nodes = [Self, ...Object.values(Peer ?? {})];
  return nodes.some(({ TailscaleIPs }) => TailscaleIPs?.includes(address));
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

async function observe(peer: Peer, args: readonly string[]): Promise<Observation> {
  const { exitCode, stdout, stderr } = await peer.tailscale(args, { withinMs: 8_000 });
  return { vantage: 'peer', command: `tailscale ${args.join(' ')}`, output: `${stdout}${stderr}`.trim(), exitCode };
}

/** Ends with the first pong, unless it waits for a direct path: `tailscale ping` itself goes on then. */
async function pingFrom(peer: Peer, address: string, options: readonly string[]): Promise<Observation> {
  const args = ['ping', ...options, address];
  const waits = !options.includes('--until-direct=false');
  const lines: string[] = [];
  const answered = new AbortController();
  const onLine = (line: string): void => {
    lines.push(line);
    if (line.startsWith('pong from ') && !(waits && line.includes(' via DERP('))) answered.abort();
  };
  const exitCode = await peer
    .tailscale(args, { withinMs: 9_000, onLine, signal: answered.signal })
    .then((ended) => ended.exitCode)
    .catch((error: unknown) => {
      if (answered.signal.aborted) return 0;
      if (error instanceof VmkitError && error.code === 'tool-timeout') return 1;
      throw error;
    });
  return { vantage: 'peer', command: `tailscale ${args.join(' ')}`, output: lines.join('\n').trim(), exitCode };
}

/** The guest pings the peer with the largest message: answers of the service may be small. */
async function pingBack(own: string | undefined, inGuest: InGuest | undefined): Promise<Observation | undefined> {
  if (own === undefined || inGuest === undefined) return undefined;
  const command = `tailscale ping --c=2 --timeout=2s --until-direct=false --size=${LARGEST} ${own}`;
  const output = await inGuest(`PATH=${GUEST_PATH}; timeout 7 ${command} 2>&1`, 9_000).catch(() => undefined);
  if (output === undefined) return undefined;
  return { vantage: 'guest', command, output: output.trim(), exitCode: /^pong from /m.test(output) ? 0 : 1 };
}

function pongs({ output }: Observation): boolean {
  return /^pong from /m.test(output);
}

/** What makes a server speak first. Web handlers of serve are found by the node's name. */
function requestFor(
  port: number,
  served: readonly ServeEntry[],
  status: TailscaleStatus | undefined,
  protocol: ServicePort['protocol'],
): DialRequest {
  const name = status?.Self.DNSName.replace(/\.$/, '') ?? '';
  const isTls = served.some((each) => each.port === port && each.as === 'https');
  return { ...questionTo(protocol, name), tlsName: isTls ? name : undefined };
}

async function dialFrom(
  { peer, address, watcher }: From,
  to: Endpoint,
  request: DialRequest,
  withinMs: number,
): Promise<Dial> {
  const dialOnce = async (within: number): Promise<Dial> => {
    const end = await peer.dial(to, request, within);
    return { ...peerDial(to, end), redirect: await tryRedirect(peer, to, end.location) };
  };
  return dialFollowed(dialOnce, withinMs, address, watcher);
}
