import { parseJson } from '../../core/json.ts';
import type { DialRequest } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { greeting } from '../../net/greeting.ts';
import type { ServeEntry, ServicePort } from '../../spec/service.ts';
import type { Peer } from '../../tailnet/peer/peer.ts';
import { servedTo, type TailscaleStatus, tailscalePrefs, tailscaleStatus } from '../../tailnet/tailscale-json.ts';
import { isApproved, routesTo } from '../checks/subnet.ts';
import type { Dial, NodeFacts, PeerFacts, RoutedFacts, Target } from '../facts.ts';
import type { Observation } from '../observation.ts';
import type { Via } from '../vias.ts';
import { peerDial } from './dial-observation.ts';
import type { GuestFacts } from './guest-facts.ts';

/** As long as serve itself waits for its backend (ipn/ipnlocal/serve.go dials within 10 s), so that its answer is seen. */
const DIAL_MS = 12_000;
/** The largest message of a tunnel whose MTU is 1280: 16 bytes of WireGuard's header before it, 16 of its tag behind. */
const LARGEST = 1312;

/** What else is known when a peer looks. */
interface Around {
  readonly guest: GuestFacts | undefined;
  readonly proxy: NodeFacts | undefined;
  readonly router: NodeFacts | undefined;
}

/** Pings the guest and dials its ports, and those that lead there, from a peer; all of these ways at the same time. */
export async function lookFromPeer(
  peer: Peer,
  { guest, proxy, router }: Around,
  target: Target,
  dials: readonly Via[],
): Promise<PeerFacts> {
  const [direct, proxyDial, routed] = await Promise.all([
    guest === undefined || !dials.includes('guest') ? undefined : lookAtNode(peer, guest, target),
    peer.isThisHost || !dials.includes('proxy') ? undefined : dialProxy(peer, proxy, target),
    peer.isThisHost || !dials.includes('subnet') ? undefined : lookAtRoute(peer, proxy, router, target),
  ]);
  const none = { ping: undefined, largePing: undefined, dials: new Map() };
  return { title: peer.title, ...(direct ?? none), proxyDial, routed };
}

async function lookAtNode(
  peer: Peer,
  { status, serve }: GuestFacts,
  target: Target,
): Promise<Pick<PeerFacts, 'ping' | 'largePing' | 'dials'> | undefined> {
  const address = status?.Self.TailscaleIPs?.[0];
  if (address === undefined || status?.BackendState !== 'Running') return undefined;
  const served = servedTo(serve, target.port);
  const ports = [...new Set([target.port, ...served.map(({ port }) => port)])];
  // The first packet finds the path; dials beside it would wait for the same.
  const ping = await pingFrom(peer, address, []);
  const dialOf = async (port: number): Promise<readonly [number, Dial]> => [
    port,
    await dialFrom(peer, { address, port }, requestFor(port, served, status, target.protocol)),
  ];
  // Awaited together: where one is interrupted, the other is not left to fail unheard.
  const [largePing, dials] = await Promise.all([
    pongs(ping) ? pingFrom(peer, address, [`--size=${LARGEST}`]) : undefined,
    Promise.all(ports.map(dialOf)),
  ]);
  return { ping, largePing, dials: new Map(dials) };
}

async function dialProxy(peer: Peer, proxy: NodeFacts | undefined, target: Target): Promise<Dial | undefined> {
  const entries = servedTo(proxy?.serve, target.hostPort);
  const [entry] = entries;
  const address = proxy?.status?.Self.TailscaleIPs?.[0];
  if (entry === undefined || address === undefined) return undefined;
  return dialFrom(peer, { address, port: entry.port }, requestFor(entry.port, entries, proxy?.status, target.protocol));
}

/** By the route that the peer takes. Where it takes none, a dial would go another way: a peer on this host would reach the bridge itself. */
async function lookAtRoute(
  peer: Peer,
  proxy: NodeFacts | undefined,
  router: NodeFacts | undefined,
  target: Target,
): Promise<RoutedFacts | undefined> {
  const { bridgeAddress: address, port, protocol } = target;
  if (address === undefined || ![proxy, router].some((node) => isApproved(node, target))) return undefined;
  const [prefs, nodes] = await Promise.all([observe(peer, ['debug', 'prefs']), observe(peer, ['status', '--json'])]);
  const acceptsRoutes = parseJson(prefs.output, tailscalePrefs)?.RouteAll === true;
  const via = routerOf(parseJson(nodes.output, tailscaleStatus), target);
  const mayDial = acceptsRoutes && via !== undefined;
  const request = { text: greeting(protocol, address), tlsName: undefined };
  const dial = mayDial ? await dialFrom(peer, { address, port }, request) : undefined;
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
  const { exitCode, stdout, stderr } = await peer.tailscale(args, { withinMs: 15_000 });
  return { vantage: 'peer', command: `tailscale ${args.join(' ')}`, output: `${stdout}${stderr}`.trim(), exitCode };
}

/** Ends with the first pong: `tailscale ping` itself goes on until the path is direct. */
async function pingFrom(peer: Peer, address: string, options: readonly string[]): Promise<Observation> {
  const args = ['ping', '--c=3', '--timeout=3s', '--until-direct=false', ...options, address];
  const lines: string[] = [];
  const answered = new AbortController();
  const onLine = (line: string): void => {
    lines.push(line);
    if (line.startsWith('pong from ')) answered.abort();
  };
  const exitCode = await peer
    .tailscale(args, { withinMs: 15_000, onLine, signal: answered.signal })
    .then((ended) => ended.exitCode)
    .catch((error: unknown) => {
      if (answered.signal.aborted) return 0;
      throw error;
    });
  return { vantage: 'peer', command: `tailscale ${args.join(' ')}`, output: lines.join('\n').trim(), exitCode };
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
  return { text: greeting(protocol, name), tlsName: isTls ? name : undefined };
}

async function dialFrom(peer: Peer, to: Endpoint, request: DialRequest): Promise<Dial> {
  return peerDial(to, await peer.dial(to, request, DIAL_MS));
}
