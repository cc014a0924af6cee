import { parseJson } from '../../../core/text/json.ts';
import { questionTo } from '../../../net/question.ts';
import { servedTo, type TailscaleStatus, tailscalePrefs, tailscaleStatus } from '../../../tailnet/tailscale-json.ts';
import { isPortWanted, vpnOfPhone } from '../../checks/phone-vpn.ts';
import { isApproved, routesTo } from '../../checks/subnet.ts';
import type { Dial, Facts, NodeFacts, RoutedFacts, Target } from '../../facts.ts';
import { DIAL_MS, dialFrom, type From, requestFor } from './dial-from.ts';
import { observe } from './peer-tailscale.ts';

/** What serve of the host's own node answers. */
export async function dialProxy(from: From, proxy: NodeFacts | undefined, target: Target): Promise<Dial | undefined> {
  const entries = servedTo(proxy?.serve, target.hostPort);
  const [entry] = entries;
  const address = proxy?.status?.Self.TailscaleIPs?.[0];
  if (entry === undefined || address === undefined) return undefined;
  const request = requestFor(entry.port, entries, proxy?.status, target.protocol);
  return dialFrom(from, { address, port: entry.port }, request, DIAL_MS);
}

/** The machine's port at the address of the phone's VPN. A VPN that is no tailnet is only a kernel's to reach: a node of vmkit's own would dial past it. */
export async function dialPhone(from: From, facts: Pick<Facts, 'phone' | 'target'>): Promise<Dial | undefined> {
  const vpn = vpnOfPhone(facts);
  const { port, protocol, bridgeAddress } = facts.target;
  if (vpn === undefined || bridgeAddress === undefined || !isPortWanted(facts)) return undefined;
  if (!vpn.isTailnet && from.peer.asRoot === undefined) return undefined;
  const request = { ...questionTo(protocol, vpn.address), tlsName: undefined };
  return dialFrom(from, { address: vpn.address, port }, request, DIAL_MS);
}

/** By the route that the peer takes. Where it takes none, a dial would go another way: a peer on this host would reach the bridge itself. */
export async function lookAtRoute(
  from: From,
  proxy: NodeFacts | undefined,
  router: NodeFacts | undefined,
  hasApp: boolean,
  target: Target,
): Promise<RoutedFacts | undefined> {
  const { peer } = from;
  const { bridgeAddress: address, port, protocol } = target;
  // A phone's app tells nobody what it routes: the peer knows.
  const mayRoute = hasApp || [proxy, router].some((node) => isApproved(node, target));
  if (address === undefined || !mayRoute) return undefined;
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
