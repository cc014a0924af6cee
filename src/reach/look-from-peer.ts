import { type DialRequest, dial } from '../host/dial.ts';
import type { ServeEntry } from '../spec/service.ts';
import type { Dial, PeerFacts, ProxyFacts, Target } from './check.ts';
import { isApproved } from './checks-subnet.ts';
import { dialObservation } from './dial-observation.ts';
import type { GuestFacts } from './guest-facts.ts';
import type { PeerNode } from './peer-node.ts';
import { servedTo, type TailscaleStatus } from './tailscale-json.ts';

/** As long as serve itself waits for its backend (ipn/ipnlocal/serve.go dials within 10 s), so that its answer is seen. */
const DIAL_MS = 12_000;

/** Pings the guest and dials its ports from a peer, all at the same time. */
export async function lookFromPeer(
  peer: PeerNode,
  guest: GuestFacts,
  proxy: ProxyFacts | undefined,
  target: Target,
): Promise<PeerFacts> {
  const proxyDial = await dialProxy(peer, proxy, target);
  const routedDial = await dialRoute(peer, proxy, target);
  const address = guest.status?.Self.TailscaleIPs?.[0];
  if (address === undefined || guest.status?.BackendState !== 'Running') {
    return { title: peer.title, ping: undefined, dials: new Map(), proxyDial, routedDial };
  }
  const served = servedTo(guest.serve, target.port);
  const ports = [...new Set([target.port, ...served.map(({ port }) => port)])];
  // The first packet finds the path; dials beside it would wait for the same.
  const ping = await pingFrom(peer, address);
  const dials = await Promise.all(
    ports.map(
      async (port) => [port, await dialFrom(peer, { address, port }, requestFor(port, served, guest.status))] as const,
    ),
  );
  return { title: peer.title, ping, dials: new Map(dials), proxyDial, routedDial };
}

async function dialProxy(peer: PeerNode, proxy: ProxyFacts | undefined, target: Target): Promise<Dial | undefined> {
  const entries = servedTo(proxy?.serve, target.hostPort);
  const [entry] = entries;
  const address = proxy?.status?.Self.TailscaleIPs?.[0];
  if (entry === undefined || address === undefined) return undefined;
  return dialFrom(peer, { address, port: entry.port }, requestFor(entry.port, entries, proxy?.status));
}

async function dialRoute(peer: PeerNode, proxy: ProxyFacts | undefined, target: Target): Promise<Dial | undefined> {
  const { bridgeAddress: address, port } = target;
  if (address === undefined || !isApproved({ proxy, target })) return undefined;
  return dialFrom(peer, { address, port }, { text: `GET / HTTP/1.0\r\nHost: ${address}\r\n\r\n`, tlsName: undefined });
}

async function pingFrom(peer: PeerNode, address: string): Promise<PeerFacts['ping']> {
  const args = ['ping', '--c=3', '--timeout=3s', '--until-direct=false', address];
  const { exitCode, stdout, stderr } = await peer.tailscale(args, 15_000);
  return { vantage: 'peer', command: `tailscale ${args.join(' ')}`, output: `${stdout}${stderr}`.trim(), exitCode };
}

/** What makes a server speak first. Web handlers of serve are found by the node's name. */
function requestFor(port: number, served: readonly ServeEntry[], status: TailscaleStatus | undefined): DialRequest {
  const name = status?.Self.DNSName.replace(/\.$/, '') ?? '';
  const isTls = served.some((each) => each.port === port && each.as === 'https');
  return { text: `GET / HTTP/1.0\r\nHost: ${name}\r\n\r\n`, tlsName: isTls ? name : undefined };
}

async function dialFrom(peer: PeerNode, to: { address: string; port: number }, request: DialRequest): Promise<Dial> {
  const end = await dial(to, request, DIAL_MS, peer);
  const took = end.firstByteMs === undefined ? '' : ` (first byte after ${end.firstByteMs} ms)`;
  const observation = dialObservation('peer', to, end, `${end.text}${took}`);
  return { result: end.result, firstByteMs: end.firstByteMs, observation };
}
