import type { Context } from '../host/context.ts';
import { type DialRequest, dial, type Socks } from '../host/dial.ts';
import type { Dial, PeerFacts, ProxyFacts, Target } from './check.ts';
import type { GuestFacts } from './guest-facts.ts';
import { type Served, servedPorts, type TailscaleStatus } from './tailscale-json.ts';

/** A place in the tailnet that can dial and ping. */
export interface Peer {
  readonly title: string;
  /** Through tailscaled's SOCKS5 server; undefined: this host is in the tailnet itself. */
  readonly socks: Socks | undefined;
  tailscale(args: readonly string[], withinMs: number): ReturnType<Context['host']['exec']>;
}

/** As long as serve itself waits for its backend (ipn/ipnlocal/serve.go dials within 10 s), so that its answer is seen. */
const DIAL_MS = 12_000;

/** Pings the guest and dials its ports from a peer, all at the same time. */
export async function lookFromPeer(
  peer: Peer,
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
  const served = servedPorts(guest.serve ?? {}).filter(({ to }) => to === target.port);
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

async function dialProxy(peer: Peer, proxy: ProxyFacts | undefined, target: Target): Promise<Dial | undefined> {
  const entries = servedPorts(proxy?.serve ?? {}).filter(({ to }) => to === target.hostPort);
  const [entry] = entries;
  const address = proxy?.status?.Self.TailscaleIPs?.[0];
  if (entry === undefined || address === undefined) return undefined;
  return dialFrom(peer, { address, port: entry.port }, requestFor(entry.port, entries, proxy?.status));
}

async function dialRoute(peer: Peer, proxy: ProxyFacts | undefined, target: Target): Promise<Dial | undefined> {
  const { bridgeAddress: address, port } = target;
  const routes = proxy?.status?.Self.AllowedIPs ?? [];
  if (address === undefined || !routes.includes(`${address}/32`)) return undefined;
  return dialFrom(peer, { address, port }, { text: `GET / HTTP/1.0\r\nHost: ${address}\r\n\r\n`, tlsName: undefined });
}

async function pingFrom(peer: Peer, address: string): Promise<PeerFacts['ping']> {
  const args = ['ping', '--c=3', '--timeout=3s', '--until-direct=false', address];
  const { exitCode, stdout, stderr } = await peer.tailscale(args, 15_000);
  return { vantage: 'peer', command: `tailscale ${args.join(' ')}`, output: `${stdout}${stderr}`.trim(), exitCode };
}

/** What makes a server speak first. Web handlers of serve are found by the node's name. */
function requestFor(port: number, served: readonly Served[], status: TailscaleStatus | undefined): DialRequest {
  const name = status?.Self.DNSName.replace(/\.$/, '') ?? '';
  const isTls = served.some((each) => each.port === port && each.as === 'https');
  return { text: `GET / HTTP/1.0\r\nHost: ${name}\r\n\r\n`, tlsName: isTls ? name : undefined };
}

async function dialFrom(
  peer: Peer,
  { address, port }: { address: string; port: number },
  request: DialRequest,
): Promise<Dial> {
  const { result, firstByteMs, text } = await dial({ address, port }, request, DIAL_MS, peer.socks);
  const took = firstByteMs === undefined ? '' : ` (first byte after ${firstByteMs} ms)`;
  return {
    result,
    firstByteMs,
    observation: {
      vantage: 'peer',
      command: `dial ${address}:${port}`,
      output: `${text}${took}`,
      exitCode: result === 'data' || result === 'open' ? 0 : 1,
    },
  };
}
