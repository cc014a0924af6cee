import { parseJson } from '../../../core/text/json.ts';
import type { Peer } from '../../../tailnet/peer/peer.ts';
import { tailscaleStatus } from '../../../tailnet/tailscale-json.ts';
import { vpnOfPhone } from '../../checks/phone-vpn.ts';
import type { Facts, NodeFacts, PeerFacts } from '../../facts.ts';
import type { Via } from '../../vias.ts';
import { type AroundNode, lookAtNode, NOT_ASKED } from './at-node.ts';
import { dialPhone, dialProxy, lookAtRoute } from './at-route.ts';
import { type From, ofFamily } from './dial-from.ts';
import { observe } from './peer-tailscale.ts';

/** What else is known when a peer looks. */
interface Around extends AroundNode, Pick<Facts, 'phone'>, Pick<From, 'watcher' | 'left' | 'spare'> {
  readonly proxy: NodeFacts | undefined;
  readonly router: NodeFacts | undefined;
}

/** Pings the guest and dials its ports, and those that lead there, from a peer; all of these ways at the same time. */
export async function lookFromPeer(peer: Peer, around: Around, dials: readonly Via[]): Promise<PeerFacts> {
  const { target, proxy, router, watcher, left, spare } = around;
  const status = await observe(peer, ['status', '--json']);
  const seen = parseJson(status.output, tailscaleStatus);
  const own = seen?.Self.TailscaleIPs ?? [];
  const [address] = own;
  const from = { peer, own, watcher, left, spare };
  const hasApp = dials.includes('app') && vpnOfPhone(around)?.isTailnet === true;
  const [direct, proxyDial, routed, phoneDial] = await Promise.all([
    dials.includes('guest') ? lookAtNode(from, around, seen) : undefined,
    peer.isThisHost || !dials.includes('proxy') ? undefined : dialProxy(from, proxy, target),
    peer.isThisHost || !(dials.includes('subnet') || hasApp)
      ? undefined
      : lookAtRoute(from, proxy, router, hasApp, target),
    peer.isThisHost || !dials.includes('port') ? undefined : dialPhone(from, around),
  ]);
  const dialled = direct?.node ?? address;
  return { title: peer.title, ...NOT_ASKED, ...direct, address: ofFamily(own, dialled), proxyDial, routed, phoneDial };
}
